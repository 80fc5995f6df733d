"""What a fresh checkout needs to run and to prove itself. Standard library only; never shipped."""
