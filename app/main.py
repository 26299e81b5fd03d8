"""Where the parts meet: made in order, closed in reverse."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from app.access.access import access_of, check_access
from app.api.context import Service
from app.api.editing import add_stale_handler
from app.api.job_render import RENDERING
from app.api.middlewares import add_middlewares
from app.api.openapi import DESCRIPTION, complete_openapi
from app.api.page import add_page
from app.api.problems import add_handlers, code_of
from app.api.routers import add_routers
from app.api.traces import add_traces
from app.batching.admission import Gate, WaitingGate
from app.batching.batcher import Batcher
from app.batching.fitting import FittingEncode
from app.caches import caches_of
from app.database import Database
from app.editor import Editor
from app.encoders.base import Encoder
from app.encoders.catalog import CATALOG
from app.follower import Follower
from app.image_vectors import part_batcher_of
from app.intake.fetch import Fetcher
from app.intake.guarded import decoder_of
from app.intake.limits import Limits
from app.jobs.desk import desk_of
from app.jobs.runner import Runner, start_runner
from app.learning import bank_of, learning_of
from app.loading import encoders_of
from app.logs import CarryingPool
from app.metrics.counts import Counts
from app.metrics.watch import DriftWatch, Watch
from app.pixels import enough_side_of, take_in
from app.recall import unrelated_of
from app.reindex import warn_of_others
from app.scoring import score_model_of
from app.settings import Settings, load_settings
from app.snapshot import Live, Measure
from app.stores import open_database, seeded
from app.tag_vectors import TagVectors
from app.tagger import Tagger
from index.collection import ImageCollection
from index.image_store import ImageStore
from vocab.embeddings import EmbeddingStore
from vocab.examples import ExampleStore
from vocab.probes import ProbeSet
from vocab.starter import probe_rows, starter_tags
from vocab.store import VocabularyStore, now_utc
from vocab.tags import Tag

log = logging.getLogger(__name__)

# Edits wait for one another; more threads would only wait longer.
EDITS_AT_ONCE = 4
# How long a repeated request is answered as the first one was.
ANSWERS_KEPT = timedelta(hours=24)

# Told what begins, how much of it is done and how much there is; 0 of 0 where nobody can count.
Report = Callable[[str, int, int], None]


def silent(step: str, done: int, total: int) -> None:
    """A report nobody reads."""


def assemble(settings: Settings, stack: ExitStack, report: Report = silent) -> Service:
    """Makes every part in order; leaving the stack closes them in reverse.

    Slow at the first start (weights, tag vectors), seconds afterwards.
    """
    report("打开数据库", 0, 0)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = open_database(settings.database, stack)
    encoders = encoders_of(settings, stack, report)
    encoder = encoders[0]
    live = Live()
    editor = vocabulary_of(settings, database, encoder, live, report)
    stack.callback(Follower(database.data_version, editor.catch_up).close)
    learning = learning_of(
        database,
        editor,
        encoder,
        settings.data_dir,
        stack,
        bank_learn=settings.bank_learn,
        bank_size=settings.bank_size,
        recent_images=settings.recent_images,
        author_cap=settings.feedback_author_cap,
    )
    counts = Counts(code_of)
    batcher = Batcher(
        [FittingEncode(one.encode_pixels_full) for one in encoders],
        max_batch=settings.max_batch,
        max_wait_ms=settings.max_wait_ms,
        max_queue=settings.max_queue,
        observe=counts.batch,
    )
    stack.callback(batcher.close)
    pool = CarryingPool(settings.decoders, thread_name_prefix="decode")
    stack.callback(pool.shutdown)
    report("打开图片索引", 0, 0)
    collection = images_of(settings, database, encoder)
    stack.callback(collection.save)
    stack.callback(Follower(lambda: collection.version, collection.catch_up).close)
    caches = caches_of(
        encoder.model_key, settings.decode, settings.cache_bytes, settings.redis_url, stack
    )
    tagger = Tagger(
        live=live,
        gate=Gate(settings.max_queue),
        # Two batches: one that is encoded and one that is decoded meanwhile.
        bulk_gate=WaitingGate(2 * settings.max_batch),
        encoder=encoder,
        batcher=batcher,
        pool=pool,
        limits=Limits(settings.max_image_bytes, settings.max_image_pixels),
        timeout_s=settings.request_timeout_s,
        part_batcher=part_batcher_of(encoders, batcher, stack),
        collection=collection,
        fetch=fetcher_of(settings).fetch if settings.fetch_urls else None,
        observe=learning.observe,
        seen=caches.seen,
        take_in=partial(
            take_in,
            enough_side=enough_side_of(encoder, settings.decode),
            decode=decoder_of(
                settings.decode_isolation,
                settings.decoders,
                settings.decode_timeout_s,
                stack.callback,
            ),
        ),
        answers=caches.answers,
        tell=counts.answer,
    )
    desk = desk_of(
        database,
        max_unfinished=settings.max_jobs,
        max_images=settings.max_job_images,
        fetches=settings.fetch_urls,
        signs=bool(settings.webhook_secret.get_secret_value()),
    )
    drift = DriftWatch(learning.health)
    watch = Watch(tagger, lambda: editor.measure.bank, drift, desk.store, settings.data_dir)
    counts.registry.register(watch)
    editing = CarryingPool(EDITS_AT_ONCE, thread_name_prefix="edit")
    stack.callback(editing.shutdown)
    return Service(
        tagger=tagger,
        live=live,
        models=CATALOG,
        max_images=settings.max_images_per_request,
        editor=editor,
        editing=editing,
        edit_gate=Gate(settings.max_queue, "修改"),
        lint_gate=Gate(1, "词表检查"),
        quality_gate=Gate(4, "质量检查"),
        jobs=desk,
        counts=counts,
        collection=collection,
        learning=learning,
        access=access_of(
            database,
            stack,
            host=settings.host,
            allow_anonymous=settings.allow_anonymous,
            anonymous_role=settings.anonymous_role,
        ),
    )


def fetcher_of(settings: Settings) -> Fetcher:
    """What speaks to addresses that others name."""
    return Fetcher(max_bytes=settings.max_image_bytes, timeout_s=settings.fetch_timeout_s)


def runner_of(settings: Settings, service: Service) -> Runner:
    """What works on the jobs of a service that has begun."""
    return start_runner(
        service.jobs,
        service.tagger,
        fetcher_of(settings).post,
        RENDERING,
        secret=settings.webhook_secret.get_secret_value(),
        attempts=settings.webhook_attempts,
        images_in_flight=settings.job_images_in_flight,
        keep_days=settings.job_keep_days,
    )


def images_of(settings: Settings, database: Database, encoder: Encoder) -> ImageCollection:
    """The images stored under this model; those of other models stay apart."""
    store = ImageStore(
        database,
        encoder.model_key,
        encoder.dim,
        copy_dim=encoder.copy_dim,
        vector_type=settings.image_vectors,
    )
    warn_of_others(database, encoder.model_key)
    unrelated = unrelated_of(encoder, settings.data_dir)
    return ImageCollection(database, store, settings.data_dir / "index", background=unrelated)


def vocabulary_of(
    settings: Settings, database: Database, encoder: Encoder, live: Live, report: Report
) -> Editor:
    """The vocabulary in the store, seeded where it is new, published as this model sees it."""
    store = seeded(database, report)
    store.forget_answers(now_utc() - ANSWERS_KEPT)
    vectors = TagVectors(
        encoder,
        EmbeddingStore(database),
        ExampleStore(database),
        settings.prompt_templates,
        settings.example_weight,
    )
    # Taken from what the project ships, so that no edit of the vocabulary moves a confidence.
    shipped = starter_tags()
    chosen = shipped[probe_rows(len(shipped))]
    probes = tuple(Tag(draft.name, draft.name, aliases=draft.aliases) for draft in chosen)
    probed = vectors.of(probes, lambda done, total: report("计算探针向量", done, total))
    measure = Measure(
        probes=ProbeSet(probed),
        bank=bank_of(encoder, settings.data_dir, learn=settings.bank_learn),
        score_model=score_model_of(encoder),
    )
    editor = Editor(store, vectors, measure, live)
    editor.start(lambda done, total: report("计算标签向量", done, total))
    return editor


def open_store(settings: Settings, stack: ExitStack) -> VocabularyStore:
    """The vocabulary alone, without a model, for commands that change it."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return seeded(open_database(settings.database, stack), silent)


def create_app(settings: Settings | None = None, report: Report = silent) -> FastAPI:
    """The application; its parts are made when it starts and closed when it stops."""
    chosen = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            # On a thread of its own, so that a signal is still heard during a long first start.
            try:
                await asyncio.to_thread(
                    check_access, chosen.database, chosen.host, chosen.allow_anonymous
                )
                service = await asyncio.to_thread(assemble, chosen, stack, report)
            except Exception as error:
                app.state.failure = error  # for the command, which can say it better than a trace
                raise
            app.state.service = service
            stack.callback(runner_of(chosen, service).close)
            # What is here now stays: looking through 100,000 tags for garbage, again and again,
            # would hold up an edit or a request by a third of a second.
            gc.collect()
            gc.freeze()
            yield
            gc.unfreeze()
            app.state.service = None

    app = FastAPI(
        title="图签 Tuqian",
        version=version("tuqian"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # `add_page` serves its own, which asks no other machine for anything
        redoc_url=None,
    )
    add_middlewares(app, chosen.max_request_bytes, chosen.body_timeout_s, chosen.cors_origins)
    add_traces(app, chosen.otel_endpoint)
    add_routers(app)
    add_page(app)
    add_handlers(app)
    add_stale_handler(app)
    complete_openapi(app)
    return app
