"""What a RUN did to its root file system, from a trace of its system calls."""
