import os
import sys
import threading

import pytest

from companion.errors import StartError
from companion.system.ports import free_port
from companion.system.stack import Part, run_stack


@pytest.fixture
def make_part(tmp_path):
    def make(name, *code):
        port = free_port()
        web = ("-m", "http.server", "--bind", "127.0.0.1", str(port))
        return Part(
            name=name,
            command=[sys.executable, *(("-c", *code) if code else web)],
            url=f"http://127.0.0.1:{port}",
            ready_path="/",
            environ=os.environ,
            log=tmp_path / f"{name}.log",
        )

    return make


def refuse(part):
    raise AssertionError(f"{part.name} is not ready")


def test_parts_start_in_order_and_stay_until_the_end_is_asked_for(make_part):
    parts, over, ready = (
        [make_part("first"), make_part("second")],
        threading.Event(),
        [],
    )

    def note(part):
        ready.append((part.name, [one.log.exists() for one in parts]))
        if part is parts[1]:
            threading.Timer(0.3, over.set).start()

    run_stack(parts, over=over, on_ready=note)

    assert ready == [("first", [True, False]), ("second", [True, True])]


def test_an_end_that_is_asked_for_early_does_not_wait_for_the_start(make_part):
    silent, over = make_part("first", "import time; time.sleep(60)"), threading.Event()
    threading.Timer(0.3, over.set).start()

    run_stack([silent, make_part("second")], over=over, on_ready=refuse)

    assert not silent.log.with_name("second.log").exists()


def test_a_part_that_ends_before_it_is_ready_is_quoted(make_part):
    part = make_part("The shop", "print('no coffee'); print('left'); exit(3)")

    with pytest.raises(StartError) as caught:
        run_stack([part], over=threading.Event(), on_ready=refuse)

    assert str(caught.value) == (
        "The shop ended by itself with exit code 3, so everything was stopped. The "
        f"last lines of its log, {part.log}:\n  no coffee\n  left"
    )


def test_only_the_last_lines_of_this_start_are_quoted(make_part):
    part = make_part("The shop", "print(*range(30), sep='\\n'); exit(3)")
    part.log.write_text("yesterday\n")

    with pytest.raises(StartError) as caught:
        run_stack([part], over=threading.Event(), on_ready=refuse)

    assert str(caught.value).splitlines()[1:] == [f"  {n}" for n in range(20, 30)]
    assert part.log.read_text().startswith("yesterday\n0\n")


def test_a_part_that_never_answers_is_named_after_the_time_given(make_part):
    part = make_part("The shop", "import time; time.sleep(60)")

    with pytest.raises(StartError, match=r"not ready within 0.2 .* printed nothing"):
        run_stack([part], over=threading.Event(), on_ready=refuse, timeout_s=0.2)
