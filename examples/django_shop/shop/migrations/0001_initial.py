"""Orders."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates the table."""

    initial = True
    dependencies = []  # noqa: RUF012  # as Django writes it
    operations = [  # noqa: RUF012
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("email", models.EmailField(max_length=254)),
                ("amount", models.PositiveIntegerField()),
                ("confirmation", models.CharField(blank=True, max_length=36)),
                ("confirmed_at", models.DateTimeField(null=True)),
            ],
        )
    ]
