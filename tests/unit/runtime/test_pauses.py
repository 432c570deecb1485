from services.runtime.processes.pauses import FIRST_S, MAX_S, STEADY_S, Pauses


def test_what_ends_again_and_again_is_restarted_ever_later_and_what_ran_for_long_soon() -> None:
    now = [0.0]
    pauses = Pauses(lambda: now[0])
    waited = []
    for _ in range(8):
        pauses.begun()
        waited.append(pauses.ended())
    assert waited[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert waited[-2:] == [MAX_S, MAX_S]
    pauses.begun()
    now[0] += STEADY_S
    assert pauses.ended() == FIRST_S
