"""Figures and their goals."""

from chaos.figures import Figure, percentile


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (100, 198, 200)
    assert percentile([7.0], 99) == 7


def test_a_goal_is_the_most_unless_it_is_the_least() -> None:
    assert Figure("seconds", 1.0, "s", 1.0).met
    assert not Figure("seconds", 1.1, "s", 1.0).met
    assert Figure("rate", 0.95, "", 0.9, at_least=True).met
    assert not Figure("rate", 0.85, "", 0.9, at_least=True).met
    assert Figure("no goal", 5.0, "s").met


def test_a_goal_that_was_missed_is_said() -> None:
    assert "MISSED" in str(Figure("seconds", 1.1, "s", 1.0))
    assert "MISSED" not in str(Figure("seconds", 0.9, "s", 1.0))
