"""A picture as bytes, and requests as a browser sends them."""

import http.client
import io
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from vaekit.explore import Server

SPRITES = "sprites(scales=2, rotations=3, positions=4, size=16)"


def picture(size: int = 16, kind: str = "PNG", level: int = 200) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((size, size), level, np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def request(server: Server, path: str, method: str = "GET", body: bytes | None = None):
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=60)
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content
