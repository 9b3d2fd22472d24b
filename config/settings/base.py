"""What is true everywhere. Secrets and addresses come from the environment only."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from config.env import env_bool, env_int, env_json_file, env_str, env_url
from config.schedule import READ_DUE_EVERY_S as READ_DUE_EVERY_S
from config.schedule import SCHEDULE

ROOT = Path(__file__).resolve().parent.parent.parent


def database_from(url: str) -> dict[str, object]:
    """Return Django's description of the PostgreSQL database at `url`."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": {"connect_timeout": 5},
        # A thread of the web keeps its connection. Whose rows it shows is told to it in each transaction and ends with
        # that; one that PostgreSQL's restart cut is found dead before the next request uses it.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = env_str("SECRET_KEY", "")
DEBUG = False
ALLOWED_HOSTS: list[str] = env_str("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
PUBLIC_BASE_URL = env_url("PUBLIC_BASE_URL", "http://127.0.0.1:8000", schemes=("http", "https"))
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]

# The login that serves owns nothing and cannot leave row-level security; the owner's is for DDL only.
DATABASES = {"default": database_from(env_url("DATABASE_URL", schemes=("postgresql", "postgres")))}
OWNER_DATABASE_URL = env_url("OWNER_DATABASE_URL", "", schemes=("postgresql", "postgres"))

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "apps.common",
    "apps.accounts",
    "apps.meters",
    "apps.tariffs",
    "apps.readings",
    "apps.income",
    "apps.alerts",
    "apps.landing",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.BearerTokenMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.accounts.middleware.LandlordScopeMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["apps.accounts.backends.LoginBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/admin/login/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
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

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [ROOT / "config" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = env_str("STATIC_ROOT", str(ROOT / "staticfiles"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "apps.landing.old_form.refuse"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.BearerTokenAuthentication",
        "apps.accounts.authentication.PageSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.accounts.permissions.MemberMay"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "apps.common.api.NewestFirst",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.common.api.JsonBody"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.common.api.ByAcceptHeader",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "apps.common.api.answer_error",
    "COERCE_DECIMAL_TO_STRING": True,
    "DEFAULT_METADATA_CLASS": None,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "RentMeter",
    "DESCRIPTION": """Prepaid electricity meters for landlords.

* Money, prices and energy are text, `"50.00"`; a JSON number is refused. Instants carry their offset, ids are opaque.
* `Authorization: Bearer <token>`; a token comes from `auth/…`. Who works for several landlords adds `X-Landlord`.
* Sentences come in the language of `Accept-Language`: `zh-hans` (the usual one) or `en`. Build on `code` alone.
* Lists are newest first; `next` is the address of older lines. A filter that cannot be understood is refused.
* Every refusal has the shape of `ErrorOut`. Beside what an operation lists: 405 and 406 for a method or an `Accept` it
  does not have, 413 for a body of megabytes, 500 for a fault of ours, 503 with `Retry-After` while we are restarting.
""",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "Channel": "apps.income.states.Channel",
        "CommandKind": "apps.meters.states.CommandKind",
        "CommandState": "apps.meters.states.CommandState",
        "OrderState": "apps.income.states.OrderState",
        "PaymentState": "apps.income.states.PaymentState",
        "RechargeState": "apps.income.states.RechargeState",
        "RefundState": "apps.income.states.RefundState",
        "SettlementState": "apps.income.states.SettlementState",
        "CheckState": "apps.income.states.CheckState",
        "Role": "apps.accounts.roles.Role",
        "AlertKind": "apps.alerts.models.Alert.Kind",
        "SiteKind": "apps.meters.models.Site.Kind",
        "OnOff": [("on", "on"), ("off", "off")],
        "BillState": "apps.income.models.BillDay.State",
        "DifferenceState": "apps.income.models.Difference.State",
        "DifferenceKind": "apps.income.reconciliation.Kind",
    },
}

BROKER_URL = env_url("BROKER_URL", "redis://127.0.0.1:6454/0", schemes=("redis", "rediss"))
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_TASK_TIME_LIMIT = 120
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = SCHEDULE
# Whether beat lives is read from the time of its last run, so it is written down at each.
CELERY_BEAT_SYNC_EVERY = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Longer than the longest task; with the defaults a killed worker's messages wait an hour, then 90 s more.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 180,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}

# Empty in production, which refuses to start with it: the pretend platforms' address in demo and tests.
SANDBOX_URL = env_url("SANDBOX_URL", "", schemes=("http",))
NOTIFY_BASE_URL = env_url("NOTIFY_BASE_URL", PUBLIC_BASE_URL, schemes=("http", "https"))
# One WeChat official account and one Alipay app log payers in for all landlords.
WECHAT_APP_ID = env_str("WECHAT_APP_ID", "")
WECHAT_APP_SECRET = env_str("WECHAT_APP_SECRET", "")
WECHAT_MINI_APP_ID = env_str("WECHAT_MINI_APP_ID", "")
WECHAT_MINI_APP_SECRET = env_str("WECHAT_MINI_APP_SECRET", "")
# A JSON file with app_id, app_private_key_pem, app_cert_pem, alipay_cert_pem and alipay_root_cert_pem.
ALIPAY_APP = env_json_file("ALIPAY_APP_FILE")
# A JSON file with the operator's own accounts, `wechat` and `alipay`: service provider of S2, collector of S3.
PROVIDER_ACCOUNTS = env_json_file("PROVIDER_ACCOUNTS_FILE")
FIELD_KEYS = env_str("FIELD_KEYS", "")
SMS_BACKEND = env_str("SMS_BACKEND", "apps.accounts.messaging.ConsoleBackend")
SMS_OUTBOX = env_str("SMS_OUTBOX", "")
LETTER_DEADLINE_S = env_int("LETTER_DEADLINE_S", 20)
# 0: as each model says.
READING_INTERVAL_S = env_int("READING_INTERVAL_S", 0)
# What the sweeper does, and how many seconds apart.
SWEEPS = [
    ("apps.meters.sweeping.sweep", 1),
    ("apps.income.sweeping.sweep", 1),
    ("apps.income.sweeping.close_proofs", 30),
    ("apps.readings.months.make_months_ahead", 3600),
    ("apps.income.sweeping.sweep_accounts", 5),
    ("apps.income.sweeping.sweep_settlements", 30),
    ("apps.readings.sweeping.sweep", 15),
    ("apps.alerts.sweeping.sweep", 10),
    ("apps.accounts.chain.seal", 10),
    ("apps.accounts.phones.take_effect", 30),
]
OFFLINE_AFTER_S = env_int("OFFLINE_AFTER_S", 240)
SECURE_PROXY = env_bool("BEHIND_TLS_PROXY")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    # At DEBUG urllib3 prints URLs, and a login's URL carries the app's secret.
    "loggers": {"urllib3": {"level": "INFO"}},
    "root": {"handlers": ["console"], "level": env_str("LOG_LEVEL", "INFO")},
}
