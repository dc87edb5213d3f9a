"""Bundle what the reports' viewer needs of three.js: `python scripts/bundle_three.py` (needs npm).

Takes three.js and esbuild from npm, keeps the classes named below and what they use, and writes
src/pointlora/reports/page/assets/three.min.js, which begins with the version and the licence.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from pointlora.atomic import write_text_atomically

THREE = "0.187.0"
ESBUILD = "0.28.2"
CLASSES = (
    "BufferAttribute",
    "BufferGeometry",
    "PerspectiveCamera",
    "Points",
    "Scene",
    "ShaderMaterial",
    "WebGLRenderer",
)
TARGET = Path(__file__).resolve().parents[1] / "src" / "pointlora" / "reports" / "page" / "assets" / "three.min.js"


def bundle(target: Path = TARGET) -> int:
    """Write the bundle, a script that defines `THREE`; returns its size in bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "package.json").write_text(json.dumps({"private": True}))
        (folder / "entry.js").write_text(f'export {{ {", ".join(CLASSES)} }} from "three";\n')
        install = ["npm", "install", "--no-audit", "--no-fund", f"three@{THREE}", f"esbuild@{ESBUILD}"]
        subprocess.run(install, cwd=folder, check=True)
        build = ["npx", "esbuild", "entry.js", "--bundle", "--minify", "--format=iife", "--global-name=THREE"]
        build += ["--legal-comments=none", "--target=es2020", "--charset=utf8", "--outfile=three.js"]
        subprocess.run(build, cwd=folder, check=True)
        code = (folder / "three.js").read_text(encoding="utf-8").strip()
        licence = (folder / "node_modules" / "three" / "LICENSE").read_text(encoding="utf-8").strip()
    if "</script" in code.lower() or "<!--" in code:
        raise SystemExit("the bundle holds text that would end its script element")
    text = (
        f"/*\nthree.js {THREE}, only what the viewer uses, bundled with esbuild {ESBUILD}.\n\n{licence}\n*/\n{code}\n"
    )
    write_text_atomically(target, text)
    return len(text.encode())


if __name__ == "__main__":
    print(f"{TARGET}: {bundle():,} bytes")
