from pointlora.reports.part_segmentation import part_csv, part_table

FIGURES = {
    "instance_miou": 0.625,
    "class_miou": 0.625,
    "accuracy": 2 / 3,
    "count": 2,
    "points": 3,
    "shapes": {"plane": 0, "knife": 1, "ball": 1},
    "per_category": {"plane": None, "knife": 0.25, "ball": 1.0},
    "per_part": {
        "plane": {"plane wing": None, "tail": None},
        "knife": {"handle": 0.5, "knife blade": 0.0},
        "ball": {"ball": 1.0},
    },
}


def test_the_table():
    text = part_table(FIGURES, "figures")
    assert text.startswith("figures\n")
    assert "instance mIoU   62.50 %  of 2" in text
    assert "(handle 50.0, blade 0.0)" in text
    assert "plane             - %  of 0" in text


def test_the_rows():
    assert part_csv(FIGURES).splitlines() == [
        "category,part,iou,shapes",
        "plane,plane wing,,0",
        "plane,tail,,0",
        "knife,handle,0.5,1",
        "knife,knife blade,0.0,1",
        "ball,ball,1.0,1",
    ]
