"""What a landlord settles for all her meters: where new ones warn, and hours in which nobody is switched off."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_language_of_messages")]

    operations = [
        migrations.AddField(
            "landlord",
            "low_below_kwh",
            models.DecimalField(decimal_places=2, default=10, max_digits=12, verbose_name="warn below"),
        ),
        migrations.AddField("landlord", "protected_from", models.TimeField(null=True)),
        migrations.AddField("landlord", "protected_until", models.TimeField(null=True)),
        migrations.AddConstraint(
            "landlord",
            models.CheckConstraint(
                condition=Q(low_below_kwh__gte=0), name="accounts_landlord_warns_at_zero_or_above"
            ),
        ),
        migrations.AddConstraint(
            "landlord",
            models.CheckConstraint(
                condition=Q(protected_from=None, protected_until=None)
                | Q(protected_from__isnull=False, protected_until__isnull=False),
                name="accounts_landlord_protects_from_and_until",
            ),
        ),
    ]
