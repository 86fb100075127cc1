from hypothesis import settings

# An example has no time limit: a busy machine would fail it, and times are measured in benchmarks/ alone.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
