"""Scanner and printer of a developer's machine: what is behind the drivers `simulated`, and the
command that plays them.

Linux only, and imported by nothing but those two drivers.
"""
