"""Only what pyproject.toml can't say: the recipes lie at the root of the source tree and are installed as package data."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages("src"), "pointlora.recipes"],
    package_dir={"": "src", "pointlora.recipes": "recipes"},
    package_data={"pointlora": ["py.typed"], "pointlora.recipes": ["*.yaml"]},
)
