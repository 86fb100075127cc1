"""The command line: each module of `commands` has `add_arguments(parser)` and `run(options) -> exit code`.

A command's module is imported only to run it, so `mlx-saccade --help` does not wait for libraries that it does not use.
"""
