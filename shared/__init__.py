"""What both halves of Nightshelf stand on: settings, keys, formats and the scoring that is served and measured."""
