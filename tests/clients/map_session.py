"""consbio's client library on one of our map services; prints as JSON what it saw. Run in the clients' environment."""

from __future__ import annotations

import json
import sys

from clients.arcgis import MapServerResource
from clients.utils.geometry import Extent


def main(url: str, picture: str) -> None:
    """Open the service, its legend, and a picture of all of it, which is written to a file."""
    service = MapServerResource.get(url, lazy=False)
    extent = Extent(service.full_extent.as_dict())
    image = service.get_image(extent, 200, 200)
    image.save(picture)
    seen = {
        "name": service.name,
        "version": service.version,
        "layers": [layer.name for layer in service.layers],
        "legend": [[element.label for element in layer.legend] for layer in service.layers],
        "extent": service.full_extent.as_list(),
        "size": list(image.size),
    }
    print(json.dumps(seen, default=str))


main(sys.argv[1], sys.argv[2])
