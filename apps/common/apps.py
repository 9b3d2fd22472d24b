from django.apps import AppConfig
from django.core import checks


class CommonConfig(AppConfig):
    name = "apps.common"

    def ready(self) -> None:
        from apps.common import walls

        walls.raise_walls()
        checks.register(walls.check_every_model_is_owned_or_listed)
