"""Antom as its documents describe it, to pay against, to misbehave, and to judge by.

Imports nothing of ours: a misreading of the documents can't agree with itself here.
"""
