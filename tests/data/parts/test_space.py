import pytest

from pointlora.data.parts.space import PartSpace
from pointlora.errors import ConfigError

SPACE = PartSpace(("leg", "seat", "back", "blade"), ("chair", "knife"), ((2, 0, 1), (3,)))


def test_counts_and_the_table_of_parts():
    assert (SPACE.num_parts, SPACE.num_categories, SPACE.class_names) == (4, 2, ("chair", "knife"))
    assert SPACE.parts_of == ((0, 1, 2), (3,))
    assert SPACE.allowed.tolist() == [[True, True, True, False], [False, False, False, True]]


def test_without_categories_every_part_belongs_to_the_one_that_stands_for_all():
    space = PartSpace(("inside", "outside"))
    assert (space.num_categories, space.class_names, space.parts_of) == (0, ("all",), ((0, 1),))


def test_round_trip_through_json():
    import json

    assert PartSpace.from_dict(json.loads(json.dumps(SPACE.as_dict()))) == SPACE
    with pytest.raises(ConfigError, match="no description of parts"):
        PartSpace.from_dict({"part_names": ["a"]})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("a", "b"), ("x",), ((0, 2),)), "category 'x' has part 2, but there are 2 parts"),
        ((("a",), ("x", "y"), ((0,),)), "1 lists of parts for 2 categories"),
        ((("a",), ("x", "y"), ((0,), ())), "category 'y' has no part"),
        (((),), "category 'all' has no part"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        PartSpace(*arguments)
