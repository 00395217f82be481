"""GDAL as an algorithm meets it: files that name others, or servers, are none that it opens."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dragoman.rasters.gdal_limits import NETWORK, OTHER_FILES, limit_gdal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rasters.conftest import MakeRaster

SINGLE = [
    "AAIGrid",
    "ACE2",
    "AIG",
    "AVCBin",
    "AVCE00",
    "AirSAR",
    "BAG",
    "BIGGIF",
    "BMP",
    "BSB",
    "BT",
    "BYN",
    "CALS",
    "CEOS",
    "COASP",
    "COG",
    "COSAR",
    "CPG",
    "CTG",
    "DOQ1",
    "DOQ2",
    "DTED",
    "EHdr",
    "ENVI",
    "ESAT",
    "ESRI_Shapefile",
    "ESRIC",
    "ESRIJSON",
    "GDALG",
    "GFF",
    "GIF",
    "GPKG",
    "GRASSASCIIGrid",
    "GRIB",
    "GS7BG",
    "GSAG",
    "GSBG",
    "GSC",
    "GTX",
    "GTiff",
    "GXF",
    "GenBin",
    "GeoJSON",
    "GeoJSONSeq",
    "HDF5",
    "HDF5Image",
    "HF2",
    "HFA",
    "IRIS",
    "ISCE",
    "ISG",
    "JAXAPALSAR",
    "JDEM",
    "JP2OpenJPEG",
    "JPEG",
    "KRO",
    "L1B",
    "LAN",
    "LCP",
    "LIBERTIFF",
    "LOSLAS",
    "Leveller",
    "MBTiles",
    "MEM",
    "MFF",
    "MFF2",
    "MSGN",
    "MVT",
    "NGSGEOID",
    "NITF",
    "NOAA_B",
    "NSIDCbin",
    "NTv2",
    "NWT_GRC",
    "NWT_GRD",
    "OSM",
    "PCRaster",
    "PDF",
    "PNG",
    "PNM",
    "RIK",
    "RMF",
    "ROI_PAC",
    "RRASTER",
    "RST",
    "S102",
    "S104",
    "S111",
    "SAGA",
    "SAR_CEOS",
    "SIGDEM",
    "SNAP_TIFF",
    "SQLite",
    "SRTMHGT",
    "TGA",
    "Terragen",
    "TopoJSON",
    "USGSDEM",
    "VICAR",
    "VRT",
    "WEBP",
    "XYZ",
    "ZMap",
    "netCDF",
]
"""Drivers that were looked at: each reads the file it is given, or those beside it that bear its name.

HDF5's links are looked at beforehand, and VRT is refused (``file_guard``). HFA may name other HFA files alone.
"""

OPEN = """
import json, logging, os, sys, warnings
from dragoman.rasters.gdal_limits import limit_gdal
limit_gdal(os.environ)
import rasterio
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
warnings.simplefilter("ignore")
logging.basicConfig(level=logging.WARNING)
opened = {}
for path in sys.argv[2:]:
    try:
        with rasterio.open(path) as dataset:
            opened[path] = dataset.driver, dataset.read().max().item() if dataset.count else dataset.subdatasets
    except Exception as error:
        opened[path] = None
with rasterio.open(sys.argv[1]) as dataset:
    beyond = dataset.read(1, window=Window(-5, -5, 9, 9), boundless=True, fill_value=7).tolist()
    with WarpedVRT(dataset, crs="EPSG:4326") as warped:
        shape = warped.shape
with rasterio.Env() as env:
    drivers = sorted(env.drivers())
print(json.dumps([opened, beyond, shape, drivers]))
"""


def documents(port: int, secret: Path, index: Path) -> dict[str, str]:
    """By file name what GDAL, with all its drivers, would read a secret or a server through."""
    url = f"http://127.0.0.1:{port}"
    size = '<Size x="64" y="64" c="1"/><PageSize x="64" y="64" c="1"/><Compression>NONE</Compression>'
    array = '{"chunks":[4096],"compressor":null,"dtype":"|u1","fill_value":0,"filters":null,"order":"C",'
    refs = {".zgroup": '{"zarr_format":2}', "a/0": [str(secret)]}
    refs["a/.zarray"] = array + '"shape":[4096],"zarr_format":2}'
    window = "<UpperLeftX>-180</UpperLeftX><UpperLeftY>90</UpperLeftY><LowerRightX>180</LowerRightX>"
    window += "<LowerRightY>-90</LowerRightY><TileLevel>0</TileLevel>"
    return {
        "wms.tif": f'<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}</ServerUrl></Service><DataWindow>{window}'
        "</DataWindow><BandsCount>3</BandsCount><BlockSizeX>64</BlockSizeX><BlockSizeY>64</BlockSizeY></GDAL_WMS>",
        "wcs.tif": f"<WCS_GDAL><ServiceURL>{url}/?</ServiceURL><CoverageName>a</CoverageName></WCS_GDAL>",
        "wmts.tif": f"<GDAL_WMTS><GetCapabilitiesUrl>{url}/</GetCapabilitiesUrl><Layer>a</Layer></GDAL_WMTS>",
        "tiles.gti": f"<GDALTileIndexDataset><IndexDataset>{url}/x.gpkg</IndexDataset></GDALTileIndexDataset>",
        "mrf.tif": f"<MRF_META><Raster>{size}<DataType>Byte</DataType><DataFile>{secret}</DataFile>"
        f"<IndexFile>{index}</IndexFile></Raster></MRF_META>",
        "cached.tif": f"<MRF_META><CachedSource><Source>/vsicurl/{url}/a.mrf</Source></CachedSource><Raster>{size}"
        "<DataType>Byte</DataType></Raster></MRF_META>",
        "kerchunk.json": json.dumps({"version": 1, "refs": refs}),
        "curl.vrt": '<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>/vsicurl/{url}/a.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
    }


def test_nothing_leads_to_a_secret_or_to_a_server(make_raster: MakeRaster, tmp_path: Path) -> None:
    raster = make_raster("own.tif", np.ones((8, 8), "uint8"))
    secret, index = tmp_path / "secret", tmp_path / "index"
    secret.write_bytes(b"S" * 4096)
    index.write_bytes((0).to_bytes(8, "big") + (4096).to_bytes(8, "big"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        hostile = [f"/vsicurl/http://127.0.0.1:{port}/a.tif"]
        for name, text in documents(port, secret, index).items():
            (tmp_path / name).write_text(text)
            hostile.append(str(tmp_path / name))
        own = tmp_path / "own.vrt"
        source = f'<SourceFilename relativeToVRT="1">{raster.name}</SourceFilename><SourceBand>1</SourceBand>'
        band = (
            f'<VRTRasterBand dataType="Byte" band="1"><SimpleSource>{source}</SimpleSource></VRTRasterBand>'
        )
        own.write_text(f'<VRTDataset rasterXSize="8" rasterYSize="8">{band}</VRTDataset>')
        command = [sys.executable, "-c", OPEN, str(raster), str(own), *hostile]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.returncode == 0, done.stderr
    opened, beyond, shape, drivers = json.loads(done.stdout)
    assert opened == {str(own): ["VRT", 1], **dict.fromkeys(hostile)}
    assert (beyond[0][0], beyond[8][8]) == (7, 1), "rasterio itself needs VRT"
    assert min(shape) > 0
    assert "GDAL_SKIP" not in done.stderr, "nobody is told of drivers that there never were"
    unknown = {name.replace(" ", "_") for name in drivers} - set(SINGLE)
    assert not unknown, "drivers that nobody has looked at: do they read what a file names?"


def test_what_the_operator_has_set_stays() -> None:
    environment = {"GDAL_SKIP": "JPEG PNG", "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif"}
    for _ in range(2):
        limit_gdal(environment)
    assert environment["GDAL_SKIP"].split(",") == ["JPEG", "PNG", *NETWORK, *OTHER_FILES]
    assert environment["CPL_VSIL_CURL_ALLOWED_EXTENSIONS"] == ".tif"
