"""Code that both halves share: settings, keys, file formats and scoring."""
