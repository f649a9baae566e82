from companion.system.terminals import Terminal


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_terminal_that_goes_has_just_closed_for_a_while():
    """A shell that ends passes the signal on within moments, never minutes later."""
    clock, there = Clock(), [True]
    terminal = Terminal(is_there=lambda: there[0], clock=clock)

    assert not terminal.has_just_closed()
    there[0] = False
    assert terminal.has_just_closed()
    clock.now += 4.9
    terminal.look()
    assert terminal.has_just_closed()
    clock.now += 0.2
    assert not terminal.has_just_closed()


def test_each_look_counts_and_not_only_the_first():
    clock, there = Clock(), [True]
    terminal = Terminal(is_there=lambda: there[0], clock=clock)
    clock.now += 3600
    terminal.look()
    clock.now += 1
    there[0] = False

    assert terminal.has_just_closed()


def test_without_a_terminal_none_closes():
    assert not Terminal(is_there=lambda: False, clock=Clock()).has_just_closed()
