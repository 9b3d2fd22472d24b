from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_phone_changes"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(
                choices=[("zh-hans", "Chinese"), ("en", "English")],
                default="zh-hans",
                max_length=8,
                verbose_name="language of messages",
            ),
        ),
    ]
