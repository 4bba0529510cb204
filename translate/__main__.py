"""`python -m translate`, as torchrun wants it."""

from translate.cli import main

main()
