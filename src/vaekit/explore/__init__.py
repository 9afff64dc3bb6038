"""Touch a trained run in the browser: move its latents, look at examples, save what is seen.

`explorer` is what can be asked of a run, without a browser; `controls` what can be moved, `scoring`
how well an example is explained, `views` what is seen as bytes; `api` puts it into words and
numbers; `server` has the page, on this machine alone.
"""

from vaekit.explore.explorer import Example, Explorer, line
from vaekit.explore.server import Server

__all__ = ["Example", "Explorer", "Server", "line"]
