"""`python -m sentra`: the command, also where the console script is not on the path."""

from sentra.command import main

main()
