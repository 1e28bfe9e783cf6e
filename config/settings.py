"""Django settings: wiring only. Every value that differs between installations comes from the environment."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from config.env import ROOT, database, email, env, language, networks, redis_url, secret_key
from config.unfold import UNFOLD as UNFOLD

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = secret_key(DEBUG)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"] if DEBUG else [])
# Where clients of the programme reach this installation: the root of every signed link.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "polymorphic",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_filters",
    "django_rq",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "loyalty",
    "segments",
    "messaging",
    "scenarios",
    "config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": database() | {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = redis_url()
RQ_QUEUES = {
    name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 600, "DEFAULT_RESULT_TTL": 60}
    for name in ("events", "runs", "outbox", "segments", "default")
}
# What may take minutes: a worker process of its own, so that nothing else ever waits for it (semantics §45).
SLOW_QUEUES = ("segments",)
RQ = {"COMMIT_MODE": "on_db_commit", "WORKER_CLASS": "config.workers.SteadyWorker"}
# What processes share without its being true: Redis counts the requests of API keys. "default" is this process's own.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "shared": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "loyalty",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    },
}

# Hooks by dotted path: how a lower room is heard above without importing upward (docs/architecture.md).
EVENTS_NUDGE = "config.nudges.events_recorded"
EVENTS_UNQUEUED = "segments.services.changed.unqueued"
OUTBOX_NUDGE = "config.nudges.messages_queued"
JOB_NUDGE = "config.nudges.nudge"
CONFIRMED_TOPICS = "messaging.services.opt_in.topics"
OUTBOX_GATE = "scenarios.services.gate.refusals"
# Who holds personal data, from the lowest room up (loyalty/services/personal.py).
PERSONAL_DATA = [
    "loyalty.services.personal.LOYALTY",
    "segments.services.personal.SEGMENTS",
    "messaging.services.personal.MESSAGING",
    "scenarios.services.personal.SCENARIOS",
]
SEGMENT_USES = ["scenarios.admin.uses.of_segments"]

LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = language()
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [ROOT / "config" / "locale"]
# The programme's zone: days of expiry and quiet hours are counted in it (semantics, preamble).
TIME_ZONE = env.str("TIME_ZONE", default="Europe/Moscow")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = ROOT / ".local" / "static"
WHITENOISE_USE_FINDERS = DEBUG

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PUBLIC_URL.startswith("https://"))
SECURE_REDIRECT_EXEMPT = ["^(healthz|readyz|metrics)$"]  # asked from inside, without TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_HSTS_SECONDS = 31_536_000 if PUBLIC_URL.startswith("https://") else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
X_FRAME_OPTIONS = "SAMEORIGIN"  # the scenario map opens step forms in a frame of the same origin
SILENCED_SYSTEM_CHECKS = ["security.W019"]  # which wants DENY

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # The admin theme runs Alpine.js, which evaluates its expressions; everything else is our own files.
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'self'"],
        "object-src": ["'none'"],
    }
}

for _name, _value in email().items():
    globals()[_name] = _value
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="loyalty@example.com")
EMAIL_TIMEOUT = 20  # seconds
# "name:password" in the address that an e-mail service reports to: https://name:password@host/webhooks/email/…
ANYMAIL = env.json("ANYMAIL", default={}) | {"WEBHOOK_SECRET": env.str("EMAIL_WEBHOOK_SECRET", default="")}

TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="")
TWILIO_FROM = env.str("TWILIO_FROM", default="")
TWILIO_API_BASE = env.str("TWILIO_API_BASE", default="")
# Other hosts in the providers' places, for tests.
TELEGRAM_API_BASE = env.str("TELEGRAM_API_BASE", default="")
VK_API_BASE = env.str("VK_API_BASE", default="")
FCM_API_BASE = env.str("FCM_API_BASE", default="")

# What came due by date or schedule while nothing ran is caught up for this long; older is passed over.
SCAN_CATCH_UP = timedelta(hours=env.int("CATCH_UP_HOURS", default=24))

# Networks inside that scenarios' webhooks may call, such as 10.1.2.0/24; everything else inside is refused.
WEBHOOK_ALLOW = networks("WEBHOOK_ALLOW")

INTAKE_MAX_BODY = env.int("INTAKE_MAX_BODY", default=5_000_000)  # bytes, after inflating
DATA_UPLOAD_MAX_MEMORY_SIZE = INTAKE_MAX_BODY

API_RATE = env.int("API_RATE", default=6000)  # requests a minute, for each key that has no rate of its own
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "loyalty.api.schema.Described",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "loyalty.api.problems.handle",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Loyalty platform",
    "DESCRIPTION": "Clients, bonuses, orders and promo codes for tills, apps and sites.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",  # from this server: the content policy allows no other
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "rq": {"level": "WARNING"},
        "rq.worker": {"level": "WARNING"},
        "rq.cron": {"level": "WARNING"},
    },
}
