"""The Flask application around a model: its parts, wired together.

The views are in `companion.serving.views`; the checks they call in
`companion.contract.rows`, the models in `companion.serving.models`, the log in
`companion.serving.log`. Any WSGI server can run the application;
`companion serve` does, and ships its journal. Introduced in Lab 1.
"""

from pathlib import Path

from flask import Flask, Response

from companion.serving.config import ServerConfig
from companion.serving.http.access_log import AccessLog
from companion.serving.http.direct import Direct
from companion.serving.http.gate import Gate
from companion.serving.http.prefix import behind_proxy, under_prefix
from companion.serving.http.responses import reply_to_error
from companion.serving.log import PredictionLog
from companion.serving.metrics import ServerMetrics
from companion.serving.models.routing import Router, make_router
from companion.serving.views.feedback import feedback_views
from companion.serving.views.health import health_views
from companion.serving.views.metrics import metrics_views
from companion.serving.views.openapi import openapi_views
from companion.serving.views.predict import PredictAnswers, predict_views
from companion.store import Journal

__all__ = ["create_app"]


def create_app(
    config: ServerConfig | str | Path,
    *,
    router: Router | None = None,
    shared: Path | None = None,
) -> Flask:
    """Make the application that serves a model.

    A model that cannot be loaded does not raise here: the application then
    answers 503, says why under ``/health/ready``, and tries again.

    Parameters
    ----------
    config : ServerConfig, str or Path
        What to serve, and how; or only the model, a folder in MLflow's model
        format. What belongs to the process, such as the port, is left alone.
    router : Router, optional
        Chooses the model that answers; by default the configuration's one.
    shared : Path, optional
        Folder in which `companion serve` tells its workers of reloads.

    Returns
    -------
    flask.Flask
        The application.

    Raises
    ------
    SettingError
        If a value of the configuration cannot be used.
    """
    if not isinstance(config, ServerConfig):
        config = ServerConfig(model=config)
    router = router or make_router(config)
    metrics = ServerMetrics()
    log = PredictionLog(
        Journal(config.journal_path),
        metrics=metrics,
        answer_without=config.log_failure == "answer",
    )
    app = Flask("companion.serving", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_bytes
    answers = PredictAnswers(router, log, max_rows=config.max_rows)
    app.register_blueprint(predict_views(answers))
    app.register_blueprint(feedback_views(log, max_labels=config.max_rows))
    app.register_blueprint(health_views(router, log, shared))
    app.register_blueprint(
        openapi_views(
            router, max_rows=config.max_rows, needs_token=config.token is not None
        )
    )
    app.register_blueprint(metrics_views(metrics, router, log, shared))

    @app.errorhandler(Exception)
    def reply(err: Exception) -> Response:
        return reply_to_error(err, note=metrics.count_problem)

    paths = {rule.rule for rule in app.url_map.iter_rules()}
    access_log = AccessLog() if config.access_log else None
    direct = Direct(
        app,
        {"/predict": answers.predict, "/invocations": answers.invocations},
        note=metrics.count_problem,
    )
    gate = Gate(
        direct,
        token=config.token,
        origins=config.cors_origin,
        access_log=access_log,
        note=metrics.count_problem,
    )
    wsgi_app = metrics.watch(gate, paths)
    if config.root_path:
        wsgi_app = under_prefix(wsgi_app, config.root_path)
    if config.trust_proxy:
        wsgi_app = behind_proxy(wsgi_app, takes_prefix=not config.root_path)
    # So Flask documents that it is wrapped; to mypy it is a method.
    app.wsgi_app = wsgi_app  # type: ignore[method-assign]
    # For the worker, which answers what is not HTTP before the application sees it.
    app.extensions["companion_metrics"] = metrics
    app.extensions["companion_access_log"] = access_log
    app.extensions["companion_config"] = config
    return app
