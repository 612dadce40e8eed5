"""`python -m recommender`: the command line."""

from recommender.cli.app import main

if __name__ == "__main__":
    main()
