"""An executor that several threads keep busy goes on when another thread gives back what it was about to wait for."""

from __future__ import annotations

import threading
import time

import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from rclpy.action import ActionClient  # noqa: E402
from rclpy.exceptions import InvalidHandle  # noqa: E402
from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from rclpy.impl.implementation_singleton import rclpy_implementation  # noqa: E402
from rclpy.node import Node  # noqa: E402
from robomem_msgs.action import DriveBase  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from robomem.nodes import steady_executor  # noqa: E402
from robomem.nodes.actions import ActionCaller  # noqa: E402
from robomem.nodes.steady_executor import SteadyExecutor  # noqa: E402
from tests.fakes.ros_camera import ros_up  # noqa: E402

RCLError = rclpy_implementation.RCLError


def with_a_dead_client(executor: MultiThreadedExecutor) -> tuple[Node, ActionClient]:
    """A node that still lists what is destroyed: the state between `destroy` and the executor's hearing of it."""
    node = Node("test_steady")
    executor.add_node(node)
    client = ActionClient(node, DriveBase, "test/nobody")
    client._client_handle.destroy_when_not_in_use()
    return node, client


def test_what_is_destroyed_while_it_is_collected_ends_rclpys_executor_and_not_ours() -> None:
    ros_up()
    plain, ours = MultiThreadedExecutor(2), SteadyExecutor(2)
    node, _ = with_a_dead_client(plain)
    with pytest.raises(RCLError):  # once this fails, rclpy has mended it and ours may go
        plain.spin_once(timeout_sec=1.0)
    plain.shutdown()
    node.destroy_node()

    node, client = with_a_dead_client(ours)
    ours.spin_once(timeout_sec=1.0)
    node.remove_waitable(client)
    rang = threading.Event()
    node.create_timer(0.01, rang.set)
    end = time.monotonic() + 10
    while not rang.is_set() and time.monotonic() < end:
        ours.spin_once(timeout_sec=0.1)
    assert rang.is_set()
    ours.shutdown()
    node.destroy_node()


def test_what_is_destroyed_before_its_data_is_taken_is_nothing_to_do() -> None:
    ros_up()
    executor = SteadyExecutor(2)
    node, client = with_a_dead_client(executor)
    for kind in ("feedback", "status", "goal_response", "cancel_response", "result_response"):
        setattr(client, f"_is_{kind}_ready", kind == "status")  # as `is_ready` has left it
    with pytest.raises((RCLError, InvalidHandle)):  # still listed: something is wrong
        executor._take_waitable(client)
    threading.Timer(0.2, node.remove_waitable, (client,)).start()  # a moment later
    assert executor._take_waitable(client) is None
    executor.shutdown()
    node.destroy_node()


def test_two_races_far_apart_are_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    ros_up()
    monkeypatch.setattr(steady_executor, "GIVE_UP_S", 0.05)
    monkeypatch.setattr(steady_executor, "ANEW_S", 0.02)
    executor = SteadyExecutor(2)
    node, _ = with_a_dead_client(executor)
    for _ in range(3):
        executor.spin_once(timeout_sec=1.0)
        time.sleep(0.1)
    executor.shutdown()
    node.destroy_node()


def test_what_stays_broken_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ros_up()
    monkeypatch.setattr(steady_executor, "GIVE_UP_S", 0.2)
    executor = SteadyExecutor(2)
    node, _ = with_a_dead_client(executor)
    with pytest.raises(RCLError):
        for _ in range(10_000):
            executor.spin_once(timeout_sec=1.0)
    executor.shutdown()
    node.destroy_node()


def test_clients_and_subscriptions_come_and_go_while_it_spins() -> None:
    ros_up()
    executor, node = SteadyExecutor(2), Node("test_steady")
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    for k in range(30):
        heard = node.create_subscription(String, f"test/heard{k}", lambda _m: None, 10)
        caller = ActionCaller(node, DriveBase, f"test/nobody{k}")
        node.destroy_subscription(heard)
        caller.close()
    assert thread.is_alive()
    executor.shutdown(timeout_sec=2.0)
    node.destroy_node()
