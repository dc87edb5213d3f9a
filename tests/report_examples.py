"""Small, realistic reports of each kind, made without torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pointlora.reports.page.content import (
    Bin,
    Calibration,
    ClassRow,
    ClassTable,
    Cloud,
    Comparison,
    ComparisonRow,
    Confusion,
    Curve,
    EmbeddingMap,
    Explanation,
    Fact,
    Figure,
    Head,
    Learning,
    Neighbor,
    Report,
    Scale,
    Suggestion,
    frame,
    quantised,
)

# Names that a page must show as they are.
NAMES = ("table", '<b>chair</b> & "sofa"', "lamp 🛋️", "كرسي", "cup'); alert(1); ('")
PARTS = ("top", "legs", "<i>back</i>")
KINDS = ("train", "evaluate", "predict", "compare", "curves", "fewshot", "parts", "predict_parts")


def example_report(kind: str = "train", clouds: int = 24, points: int = 512) -> Report:
    """A report of one of `KINDS`."""
    if kind in ("compare", "fewshot"):
        return _comparison(kind)
    if kind == "curves":
        return _with_labels(_comparison("compare"))
    parts, predict = "parts" in kind, kind.startswith("predict")
    rng = np.random.default_rng(3)
    gallery = [_cloud(rng, number, points, parts, truth=not predict, explained=number < 8) for number in range(clouds)]
    gallery.sort(key=lambda cloud: -cloud.surprise)
    training = [_cloud(rng, 900 + number, 256, parts, truth=True, explained=False) for number in range(6)]
    labelled = not predict
    return Report(
        kind="predict" if predict else ("train" if parts else kind),
        head=_head(parts, labelled),
        names=NAMES,
        part_names=PARTS if parts else (),
        up_axis="z",
        learning=_learning() if kind in ("train", "parts") else None,
        confusion=_confusion(gallery) if labelled and not parts else None,
        table=_table(gallery, parts) if labelled else None,
        calibration=_calibration("points" if parts else "clouds") if labelled else None,
        clouds=gallery,
        clouds_measured=clouds if predict else 10 * clouds,
        training=training,
        embedding=None if parts else _embedding(rng, gallery),
        label_next=_suggestions(rng) if kind == "train" else None,
        notes=("The class token's attention is not shown: this backbone has none.",) if kind == "evaluate" else (),
        made_with="pointlora 0.0",
    )


def _head(parts: bool, labelled: bool) -> Head:
    main = Figure("instance mIoU", "instance_miou", 0.8213, 0.801, 0.8395) if parts else None
    main = main or Figure("overall accuracy", "accuracy", 0.875, 0.8333, 0.9125)
    second = Figure("class mean accuracy", "class_mean_accuracy", 0.861, 0.815, 0.903)
    return Head(
        title="pointlora on procedural",
        task="part_segmentation" if parts else "classification",
        data="procedural, test split",
        method="pointlora",
        backbone="point_mae",
        protocol="best epoch chosen on the validation split" if parts else "best epoch chosen on the test set",
        warning="" if parts else "The best epoch was chosen on the test set, so the figure is too good.",
        figures=(main, second) if labelled else (),
        probe=Figure("by the fitted head that tuning began from, selection split", "start", 0.79)
        if labelled and not parts
        else None,
        trained_parameters=765_000,
        total_parameters=22_800_000,
        adapter_bytes=3_061_234,
        seconds=312.4,
        memory_mib=1_411.0,
        command="pointlora train --data.name procedural --method.name 'pointlora' --output runs/'a b'",
        more=(Fact("seed", "0"), Fact("points per cloud", "1024")),
    )


def _learning() -> Learning:
    epochs = list(range(1, 31))
    loss = [2.0 * 0.9**epoch + 0.1 for epoch in epochs]
    figure = [None if epoch % 2 else 0.9 - 0.6 * 0.85**epoch + 0.02 * np.sin(epoch) for epoch in epochs]
    return Learning(epochs, (Curve("training loss", "number", loss), Curve("test accuracy", "share", figure)), 24)


def _cloud(rng: np.random.Generator, number: int, count: int, parts: bool, truth: bool, explained: bool) -> Cloud:
    true = number % len(NAMES)
    wrong = number % 4 == 0
    predicted = (true + 1 + number % 2) % len(NAMES) if wrong else true
    cloud = rng.normal(size=(count, 3)) * (0.3 + 0.2 * true, 0.5, 0.8)
    cloud[: count // 3, 2] = -0.5  # a plate, so that a turned view looks different
    center, radius = frame(cloud)
    centers = cloud[rng.choice(count, 32, replace=False)]
    rest = rng.dirichlet(np.ones(len(NAMES)))
    probabilities = 0.3 * rest
    probabilities[predicted] += 0.7
    surprise = float(-np.log(probabilities[true])) if truth else float(-(probabilities * np.log(probabilities)).sum())
    order = np.argsort(-probabilities)
    labels = (np.digitize(cloud[:, 2], (-0.4, 0.6))).astype(np.int16)
    found = np.where(rng.random(count) < 0.15, (labels + 1) % len(PARTS), labels).astype(np.int16)
    attention = rng.dirichlet(np.ones(32)).astype(np.float32)
    return Cloud(
        name=f"{NAMES[true]} {number:03}.ply",
        points=quantised(cloud, center, radius),
        true=true if truth else None,
        predicted=predicted,
        probabilities=[] if parts else [(int(label), float(probabilities[label])) for label in order],
        surprise=surprise,
        wrong=wrong if truth else None,
        iou=float((labels == found).mean()) if parts and truth else None,
        colors=rng.integers(0, 256, (count, 3), dtype=np.uint8) if number % 2 else None,
        parts_true=labels if parts and truth else None,
        parts_predicted=found if parts else None,
        centers=quantised(centers, center, radius),
        attention=None if parts else attention,
        selected=[
            Scale(f"{total} patches", quantised(cloud[:kept], center, radius)) for total, kept in ((128, 12), (64, 6))
        ],
        explanation=Explanation(
            predicted,
            float(probabilities[predicted]),
            (probabilities[predicted] - attention).clip(0).astype(np.float32),
        )
        if explained and not parts
        else None,
        neighbors=[] if parts or number >= 900 else [Neighbor(number % 6, 0.04), Neighbor((number + 1) % 6, 0.09)],
    )


def _confusion(clouds: list[Cloud]) -> Confusion:
    counts = np.zeros((len(NAMES), len(NAMES)), dtype=np.int64)
    for cloud in clouds:
        counts[cloud.true, cloud.predicted] += 10
    return Confusion(NAMES, counts)


def _table(clouds: list[Cloud], parts: bool) -> ClassTable:
    if parts:
        rows = [ClassRow(name, 0.6 + 0.1 * at, NAMES[at], 40, 0.5, 0.9, "", None) for at, name in enumerate(PARTS)]
        return ClassTable("IoU", rows)
    rows = []
    for at, name in enumerate(NAMES):
        hits = [not cloud.wrong for cloud in clouds if cloud.true == at]
        value = sum(hits) / len(hits) if hits else None
        rows.append(ClassRow(name, value, "", 10 * len(hits), 0.4, 0.97, NAMES[(at + 1) % len(NAMES)], at))
    return ClassTable("accuracy", rows)


def _calibration(of: str) -> Calibration:
    bins = [Bin(at / 10, (at + 1) / 10, 5 + 4 * at, at / 10 + 0.05, at / 10) for at in range(3, 10)]
    return Calibration(bins, 0.05, of)


def _embedding(rng: np.random.Generator, clouds: list[Cloud]) -> EmbeddingMap:
    true = np.array([-1 if cloud.true is None else cloud.true for cloud in clouds])
    predicted = np.array([cloud.predicted for cloud in clouds])
    angle = 2 * np.pi * predicted / len(NAMES)
    xy = 0.6 * np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(size=(len(clouds), 2)) / 10
    shown = np.arange(len(clouds))
    return EmbeddingMap(
        xy.clip(-1, 1).astype(np.float32), true, predicted, shown, (0.31, 0.17), [cloud.name for cloud in clouds]
    )


def _suggestions(rng: np.random.Generator) -> list[Suggestion]:
    found = [_cloud(rng, 500 + number, 256, False, False, False) for number in range(6)]
    return [
        Suggestion(f"new/{cloud.name}", cloud.predicted, cloud.probabilities[0][1], 1.2 - 0.1 * at, 0.3, cloud.points)
        for at, cloud in enumerate(found)
    ]


def _with_labels(report: Report) -> Report:
    """The same methods with several numbers of labels."""
    assert report.comparison is not None
    rows = []
    for count, found in ((1, 1.0), (2, 2.0), (5, 5.0), (20, 18.3), ("all", 41.2)):
        for row in report.comparison.rows:
            less = 0.5 / (1 + found)
            changed = {name: getattr(row, name) - less for name in ("mean", "low", "high")}
            values = [value - less for value in row.values]
            counts = {"labels_per_class": count, "labels_a_class": found, "seconds_per_cloud": 0.0042}
            rows.append(replace(row, values=values, **changed, **counts))
    return replace(report, comparison=replace(report.comparison, rows=rows))


def _comparison(kind: str) -> Report:
    few = kind == "fewshot"
    names = ("5-way 10-shot",) if few else ("pointlora", "full", "head", "<lora>")
    rows = []
    for at, name in enumerate(names):
        values = [0.9 - 0.03 * at + 0.01 * np.sin(3 * seed + at) for seed in range(10 if few else 3)]
        mean = float(np.mean(values))
        rows.append(
            ComparisonRow(
                name,
                values,
                mean,
                float(np.std(values, ddof=1)),
                mean - 0.015,
                mean + 0.015,
                None if at == 0 else mean - rows[0].mean,
                None if at == 0 else mean - rows[0].mean - 0.02,
                None if at == 0 else mean - rows[0].mean + 0.02,
                trained_parameters=(765_000, 22_100_000, 120_000, 900_000)[at],
                adapter_bytes=(3.1e6, 88e6, 0.5e6, 3.6e6)[at],
                seconds=100.0 + 50 * at,
                memory_mib=900.0 + 100 * at,
                labels=0.1,
                cells=(f"{1e-3 * (at + 1):g}",),
            )
        )
    figures = (Figure("overall accuracy, mean of the folds", "mean", rows[0].mean, 0.87, 0.93),) if few else ()
    return Report(
        kind="fewshot" if few else "compare",
        head=Head(
            title="few-shot folds of modelnet40" if few else "four methods on procedural",
            task="classification",
            data="modelnet40 few-shot" if few else "procedural, test split",
            method="pointlora" if few else "",
            backbone="point_mae",
            protocol="best epoch chosen on the validation split",
            figures=figures,
            seconds=1234.5,
            command="pointlora fewshot" if few else "pointlora compare",
        ),
        comparison=Comparison(
            "overall accuracy",
            [f"{'fold' if few else 'seed'} {number}" for number in range(10 if few else 3)],
            rows,
            reference="" if few else "pointlora",
            columns=("learning rate",),
            caption="Test set, 3 seeds a method.",
        ),
        made_with="pointlora 0.0",
    )
