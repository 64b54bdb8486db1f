"""The home folder of one guardian."""
