"""Screens of installed programs under X11, with boxes and descriptions from the accessibility tree."""
