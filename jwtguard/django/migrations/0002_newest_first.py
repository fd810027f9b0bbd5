from django.db import migrations, models

import jwtguard.django.fields


class Migration(migrations.Migration):
    dependencies = [("jwtguard", "0001_sessions")]

    operations = [
        migrations.AlterField(
            model_name="session",
            name="label",
            field=jwtguard.django.fields.UnicodeCharField(blank=True, max_length=255, null=True),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["issuer", "subject", "created_at"], name="jwtguard_session_newest"),
        ),
        migrations.RemoveIndex(model_name="session", name="jwtguard_session_subject"),
    ]
