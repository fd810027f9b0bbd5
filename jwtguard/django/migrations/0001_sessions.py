from django.db import migrations, models

import jwtguard.django.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_id",
                    jwtguard.django.fields.ExactCharField(
                        max_length=64, primary_key=True, serialize=False, verbose_name="session"
                    ),
                ),
                ("issuer", jwtguard.django.fields.ExactCharField(max_length=255)),
                ("subject", jwtguard.django.fields.ExactCharField(max_length=255)),
                ("label", models.CharField(blank=True, max_length=255, null=True)),
                ("generation", models.BigIntegerField(default=0)),
                ("created_at", models.FloatField()),
                ("refreshed_at", models.FloatField(blank=True, null=True)),
                ("revoked_at", models.FloatField(blank=True, null=True)),
                ("expires_at", models.FloatField()),
                ("ends_at", models.FloatField()),
            ],
            options={
                "db_table": "jwtguard_session",
                "indexes": [
                    models.Index(fields=["subject", "issuer"], name="jwtguard_session_subject"),
                    models.Index(fields=["ends_at"], name="jwtguard_session_ends_at"),
                ],
            },
        ),
    ]
