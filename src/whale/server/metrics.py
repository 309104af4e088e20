"""What Prometheus reads. Numbers are collected when asked for, so that the hot path counts nothing twice."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from whale import __version__
from whale.audit.pump import Pump
from whale.audit.recorder import Recorder
from whale.screen.screens import process_ends
from whale.server.door import ServerDoor
from whale.server.policy import ServerPolicy
from whale.server.tls import ServerTls
from whale.session.registry import Registry


class SessionCollector(Collector):
    """Sessions and their bytes, read off the registry."""

    def __init__(self, sessions: Registry) -> None:
        self._sessions = sessions

    def collect(self) -> Iterable[Metric]:
        """Make the metric families of this moment."""
        totals = self._sessions.totals
        live = [session for session in self._sessions.sessions() if not session.is_over]
        yield GaugeMetricFamily("whale_sessions", "Live sessions.", value=len(live))
        waiting = self._sessions.waiting
        yield GaugeMetricFamily("whale_sessions_waiting", "Sessions that nobody controls at the moment.", value=waiting)
        yield CounterMetricFamily("whale_sessions_opened", "Sessions opened since the start.", value=totals.opened)
        ended = CounterMetricFamily("whale_sessions_ended", "Sessions over, by how they ended.", labels=["how"])
        for how, count in totals.ended.items():
            ended.add_metric([how], count)
        yield ended
        moved = CounterMetricFamily("whale_session_bytes", "Bytes through sessions.", labels=["direction"])
        moved.add_metric(["in"], totals.bytes_in + sum(session.bytes_in for session in live))
        moved.add_metric(["out"], totals.bytes_out + sum(session.bytes_out for session in live))
        yield moved
        held = self._sessions.held_bytes
        yield GaugeMetricFamily("whale_session_window_bytes", "Output held for clients.", value=held)
        yield from self._buffers()
        build = GaugeMetricFamily("whale_build_info", "Always 1; the version is in the label.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build

    def _buffers(self) -> Iterable[Metric]:
        sessions, shelf = self._sessions, self._sessions.shelf
        for name, text, value in (
            ("session_memory_bytes", "Room for output, records and pictures, used or not.", sessions.memory_bytes),
            ("session_picture_bytes", "Saved pictures of terminals.", sessions.picture_bytes),
            ("session_emulators", "Terminals that are emulated.", sessions.emulators),
            ("session_notices", "Notices that wait for clients.", sessions.notices),
        ):
            yield GaugeMetricFamily(f"whale_{name}", text, value=value)
        yield CounterMetricFamily(
            "whale_screen_process_ends",
            "Ends of the emulators' process, of which there should be none.",
            process_ends(),
        )
        kept = GaugeMetricFamily(
            "whale_keeper_descriptors", "Descriptors kept for the next server, by who keeps them.", labels=["keeper"]
        )
        kept.add_metric([shelf.keeper.kind], shelf.descriptors)
        yield kept


class PolicyCollector(Collector):
    """Policies in force, read off the server's."""

    def __init__(self, policy: ServerPolicy) -> None:
        self._policy = policy

    def collect(self) -> Iterable[Metric]:
        """Make the metric families of this moment."""
        watch = self._policy.watch
        count = len(self._policy.live.rules.policies)
        yield GaugeMetricFamily("whale_policies", "Policies in force.", value=count)
        stale = GaugeMetricFamily("whale_policies_stale", "1 while the files are wrong, and earlier ones in force.")
        stale.add_metric([], watch.is_stale if watch is not None else 0)
        yield stale
        changes = CounterMetricFamily("whale_policy_loads", "Loads of the policy directory.", labels=["result"])
        changes.add_metric(["loaded"], watch.loaded if watch is not None else 0)
        changes.add_metric(["refused"], watch.refused if watch is not None else 0)
        yield changes


class AuditCollector(Collector):
    """The audit trail, read off its recorder."""

    def __init__(self, recorder: Recorder, pumps: Sequence[Pump] = ()) -> None:
        self._recorder = recorder
        self._pumps = pumps

    def collect(self) -> Iterable[Metric]:
        """Make the metric families of this moment."""
        recorder = self._recorder
        yield CounterMetricFamily("whale_audit_events", "Audit events written.", value=recorder.written)
        yield CounterMetricFamily(
            "whale_audit_failures", "Times the audit trail could not be written.", value=recorder.failures
        )
        yield CounterMetricFamily("whale_audit_missed", "Audit events there was no room for.", value=recorder.missed)
        yield GaugeMetricFamily("whale_audit_queued", "Audit events that wait to be written.", value=recorder.queued)
        behind = GaugeMetricFamily("whale_audit_sink_behind", "Audit events that wait for a sink.", labels=["sink"])
        failures = CounterMetricFamily("whale_audit_sink_failures", "Times that a sink failed.", labels=["sink"])
        skipped = CounterMetricFamily("whale_audit_sink_skipped", "Events a sink never got.", labels=["sink"])
        for pump in self._pumps:
            behind.add_metric([pump.name], pump.behind)
            failures.add_metric([pump.name], pump.failures)
            skipped.add_metric([pump.name], pump.skipped)
        yield from (behind, failures, skipped)


class DoorCollector(Collector):
    """Who is kept out, and why."""

    def __init__(self, door: ServerDoor) -> None:
        self._door = door

    def collect(self) -> Iterable[Metric]:
        """Make the metric families of this moment."""
        attempts, unauthenticated = self._door.attempts, self._door.unauthenticated
        yield CounterMetricFamily("whale_auth_failures", "Credentials that were refused.", value=attempts.failures)
        yield CounterMetricFamily(
            "whale_auth_limited", "Attempts that were refused because of those before them.", value=attempts.refused
        )
        yield CounterMetricFamily("whale_auth_delayed", "Attempts that had to wait a second.", value=attempts.delayed)
        yield GaugeMetricFamily("whale_auth_locked", "Accounts and addresses that are locked.", value=attempts.locked)
        yield GaugeMetricFamily(
            "whale_unauthenticated", "Connections from which nothing was let in yet.", value=len(unauthenticated)
        )
        yield CounterMetricFamily(
            "whale_unauthenticated_cut", "Those of them that had to make room.", value=unauthenticated.cut
        )


class TlsCollector(Collector):
    """The certificate in force. Without TLS there is none."""

    def __init__(self, tls: ServerTls | None) -> None:
        self._tls = tls

    def collect(self) -> Iterable[Metric]:
        """Make the metric families of this moment."""
        tls = self._tls
        if tls is None:
            return
        yield GaugeMetricFamily(
            "whale_certificate_expires_seconds", "When the certificate runs out, in Unix time.", tls.current.expires
        )
        yield GaugeMetricFamily(
            "whale_certificate_stale", "1 while the files are wrong, and an earlier one in force.", int(tls.is_stale)
        )
        loads = CounterMetricFamily("whale_certificate_loads", "Loads of the certificate.", labels=["result"])
        loads.add_metric(["loaded"], tls.loaded)
        loads.add_metric(["refused"], tls.refused)
        yield loads


def metrics_renderer(sessions: Registry, *others: Collector) -> Callable[[], bytes]:
    """Make the function that renders all metrics of one server. Each server has a registry of its own."""
    registry = CollectorRegistry()
    for collector in (SessionCollector(sessions), *others):
        registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return lambda: generate_latest(registry)
