"""The compared recommenders, one file each; `registry` lists them."""
