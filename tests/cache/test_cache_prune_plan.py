"""The plan of a prune: what any inventory and policy lead to, and a storage's life under random events."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastbuild.cache.inventory import EMPTY, Blob, Contents, Idle, Inventory, Name
from fastbuild.cache.prune_plan import Policy, plan_blobs, plan_names

KEYS = [f"blobs/{letter}" for letter in "abcdefgh"]
NAMES = [f"team/app/final/linux-amd64/{branch}" for branch in ("main", "one", "two", "three")]
NOW = 1_000_000.0
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""On a busy machine making examples takes long."""
TIMES = st.floats(min_value=0, max_value=NOW)


def contents(keys: frozenset[str]) -> Contents:
    return replace(EMPTY, layers={key: (key, 10) for key in keys})


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    names = tuple(
        Name(
            name=name,
            key=f"manifests/{name}",
            modified=draw(TIMES),
            contents=contents(draw(st.frozensets(st.sampled_from(KEYS)))),
            problem=draw(st.sampled_from(["", "", "", "it is cut off"])),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True))
    )
    blobs = {
        key: Blob(key=key, digest=key, size=draw(st.integers(0, 100)), modified=draw(TIMES))
        for key in draw(st.lists(st.sampled_from(KEYS), unique=True))
    }
    idle = {
        key: Idle(seen=draw(TIMES), modified=draw(st.one_of(TIMES, st.just(blobs[key].modified or 0.0))))
        for key in blobs
        if draw(st.booleans())
    }
    adopted = draw(st.frozensets(st.sampled_from(KEYS), max_size=2))
    return Inventory(label="x", now=NOW, names=names, blobs=blobs, idle=idle, adopted=adopted)


def policies() -> st.SearchStrategy[Policy]:
    some = st.frozensets(st.sampled_from(NAMES))
    return st.builds(
        Policy,
        keep_for=st.one_of(st.none(), TIMES),
        keep_bytes=st.one_of(st.none(), st.integers(0, 400)),
        dead=some,
        protected=some,
        named=some,
        grace=st.sampled_from([0.0, 10.0, NOW / 4]),
        touch_refresh=st.sampled_from([0.0, 10.0, NOW / 4]),
    )


@PATIENT
@given(inventories(), policies())
def test_no_blob_of_a_kept_manifest_is_in_the_plan(inventory: Inventory, policy: Policy) -> None:
    drops = plan_names(inventory, policy)
    gone = {drop.name.key for drop in drops}
    sweep = plan_blobs(inventory, policy, drops)
    deleted = {blob.key for blob in sweep.delete}
    for name in inventory.names:
        assert name.key in gone or not deleted & name.contents.layers.keys()
    assert not deleted & inventory.adopted
    assert not deleted or all(name.key in gone for name in inventory.names if name.problem)
    assert sorted(b.key for b in (*sweep.delete, *sweep.waiting)) == sorted(
        key
        for key in inventory.blobs
        if key not in inventory.adopted
        and not any(key in n.contents.layers for n in inventory.names if n.key not in gone)
    )


@PATIENT
@given(inventories(), policies())
def test_a_blob_goes_only_on_the_second_look_long_enough_after_the_first(
    inventory: Inventory, policy: Policy
) -> None:
    for blob in plan_blobs(inventory, policy).delete:
        before = inventory.idle[blob.key]
        assert blob.modified is not None
        assert inventory.now - before.seen >= policy.grace
        assert before.modified == blob.modified
        assert inventory.now - blob.modified >= policy.touch_refresh + policy.grace


@PATIENT
@given(inventories(), policies())
def test_protected_and_unread_names_stay_unless_they_are_named(inventory: Inventory, policy: Policy) -> None:
    for drop in plan_names(inventory, policy):
        if drop.name.name in policy.protected or drop.name.problem:
            assert drop.name.name in policy.named
            assert drop.reason == "named"
    dropped = {drop.name.name for drop in plan_names(inventory, policy)}
    assert policy.named & {name.name for name in inventory.names} <= dropped


@PATIENT
@given(inventories(), policies())
def test_the_budget_is_kept_by_dropping_the_oldest_first(inventory: Inventory, policy: Policy) -> None:
    if policy.keep_bytes is None:
        return
    drops = plan_names(inventory, policy)
    gone = {drop.name.key for drop in drops}
    kept = [name for name in inventory.names if name.key not in gone]
    held = {key for name in kept for key in name.contents.layers}
    total = sum(inventory.blobs[key].size for key in held if key in inventory.blobs)
    free = [name for name in kept if name.name not in policy.protected and not name.problem]
    assert total <= policy.keep_bytes or not free
    last = max((d.name.modified or 0.0 for d in drops if d.reason == "size"), default=0.0)
    assert all((name.modified or 0.0) >= last for name in free)


GRACE, REFRESH = 20, 10
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["export", "prune", "drop", "import"]),
        st.integers(1, 15),  # seconds before it
        st.sampled_from(NAMES[:2]),
        st.frozensets(st.sampled_from(KEYS[:4]), min_size=1),
        st.integers(0, GRACE),  # seconds that an export, or the reading of a manifest's blobs, takes
    ),
    max_size=40,
)


class Storage:
    """S3 as BuildKit and prune use it, each request at its own second; a build fails if a blob is gone."""

    def __init__(self) -> None:
        self.now = 0
        self.blobs: dict[str, int] = {}
        self.manifests: dict[str, frozenset[str]] = {}
        self.idle: dict[str, Idle] = {}
        self.later: list[tuple[int, str, str, frozenset[str]]] = []

    def export(self, name: str, blobs: frozenset[str], takes: int) -> None:
        for blob in blobs:
            if blob not in self.blobs or self.now - self.blobs[blob] >= REFRESH:
                self.blobs[blob] = self.now
        self.later.append((self.now + takes, "manifest", name, blobs))

    def read(self, name: str, takes: int) -> None:
        self.later.append((self.now + takes, "fetch", name, self.manifests.get(name, frozenset())))

    def advance(self, seconds: int) -> None:
        self.now += seconds
        for at, what, name, blobs in sorted(self.later, key=lambda each: each[0]):
            if at <= self.now:
                assert blobs <= self.blobs.keys(), (what, name, self.now)
                if what == "manifest":
                    self.manifests[name] = blobs
        self.later = [each for each in self.later if each[0] > self.now]

    def prune(self) -> None:
        names = tuple(
            Name(name=name, key=name, modified=0.0, contents=contents(blobs))
            for name, blobs in self.manifests.items()
        )
        blobs = {key: Blob(key=key, digest=key, size=1, modified=float(at)) for key, at in self.blobs.items()}
        inventory = Inventory(label="x", now=float(self.now), names=names, blobs=blobs, idle=self.idle)
        sweep = plan_blobs(inventory, Policy(grace=float(GRACE), touch_refresh=float(REFRESH)))
        self.idle = dict(sweep.idle)
        for blob in sweep.delete:
            del self.blobs[blob.key]


@settings(PATIENT, max_examples=300)
@given(EVENTS)
def test_no_build_misses_a_blob_whatever_runs_at_once(
    events: list[tuple[str, int, str, frozenset[str], int]],
) -> None:
    storage = Storage()
    for what, seconds, name, blobs, takes in events:
        storage.advance(seconds)
        if what == "export":
            storage.export(name, blobs, takes)
        elif what == "import":
            storage.read(name, takes)
        elif what == "drop":
            storage.manifests.pop(name, None)
        else:
            storage.prune()
        assert all(held <= storage.blobs.keys() for held in storage.manifests.values())
    storage.advance(GRACE)
