"""`vaekit explore`."""

import os
import sys
import webbrowser

from vaekit.cli.parsing import add_runs, parse_words, parser


def explore_command(words: list[str]) -> None:
    """Serve a page in which runs can be touched, until Ctrl-C."""
    made = parser(
        "explore",
        "RUN [RUN ...]",
        "Open a page in the browser in which a trained run can be touched: move its latents and "
        "see the decoding at once, look at examples and own files with their code, reconstruction "
        "and scores, go from one code to another, sample the prior, and save what is seen. Two "
        "runs stand side by side; of more, two are chosen on the page. It is served on this "
        "machine alone, under an address that nobody can guess, until Ctrl-C.",
        "vaekit explore runs/mnist",
    )
    add_runs(made)
    made.add_argument("--port", type=int, default=0, help="a port of this machine; 0: a free one")
    made.add_argument(
        "--no-browser", action="store_true", help="print the address, and open no browser"
    )
    options = parse_words(made, words)
    from vaekit.explore import Explorer, Server
    from vaekit.runs import Run

    server = Server([Explorer(Run(run, options.data_dir)) for run in options.runs], options.port)
    try:
        print(f"{server.address} (Ctrl-C ends it)", flush=True)
        if not options.no_browser and _has_screen():
            webbrowser.open(server.address)
        server.run()
    finally:
        server.close()


def _has_screen() -> bool:
    """Say whether a browser would open in a window, and not in this terminal."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform != "linux" or any(os.environ.get(name) for name in screens)
