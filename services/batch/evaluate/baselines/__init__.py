"""The recommenders that are compared, one file each; `registry` lists them."""
