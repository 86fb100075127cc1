"""saccade inside other runtimes, one file each, imported by the name of the runtime."""
