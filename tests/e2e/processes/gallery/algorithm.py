import shutil
from pathlib import Path

import dragoman

PAGE = """<!DOCTYPE html><title>waiting</title><h1>Pictures</h1>
<img src="pictures/0.png" onload="document.title = 'seen'" onerror="document.title = 'blind'">
<p id="said"></p>
<script>
  fetch('/jobs').then(() => say('reached the API'), () => say('kept away'));
  function say(word) { document.getElementById('said').textContent = word; }
</script>
<script src="http://127.0.0.1:9/evil.js"></script>
"""


def run(pictures: list[Path], context: dragoman.Context) -> dict[str, object]:
    copies = []
    for number, picture in enumerate(pictures):
        copies.append(context.scratch / f"{number}.png")
        shutil.copy(picture, copies[-1])
    page = context.scratch / "index.html"
    page.write_text(PAGE)
    return {"page": page, "pictures": copies, "number": len(pictures)}
