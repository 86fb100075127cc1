"""The command line: one file a command, each with `add_arguments(parser)` and `run(args) -> exit code`.

The modules of the commands are imported when their command is asked for, so that `mlx-saccade --help` does not wait for
libraries that it will not use.
"""
