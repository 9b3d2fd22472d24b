from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("income", "0013_credited_after_review")]

    operations = [
        migrations.RemoveIndex(model_name="payment", name="income_payment_due"),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("poll_at__isnull", False)), fields=["poll_at"], name="income_payment_due"
            ),
        ),
    ]
