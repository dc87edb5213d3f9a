"""Only what pyproject.toml can't say: recipes and benchmarks lie at the root and are installed with the package."""

from setuptools import find_packages, setup

BENCHMARKS = ["pointlora.benchmarks", "pointlora.benchmarks.cases", "pointlora.benchmarks.plain"]

setup(
    packages=[*find_packages("src"), "pointlora.recipes", *BENCHMARKS],
    package_dir={"": "src", "pointlora.recipes": "recipes", "pointlora.benchmarks": "benchmarks"},
    package_data={
        "pointlora": ["py.typed", "weights/*"],
        "pointlora.recipes": ["*.yaml"],
        "pointlora.benchmarks": ["*.json"],
    },
)
