"""`python -m zhanqing` is the same as the console script."""

from zhanqing.cli import main

main()
