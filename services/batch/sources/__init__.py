"""Places that books and interactions come from, one file each, behind the interface in `source`."""
