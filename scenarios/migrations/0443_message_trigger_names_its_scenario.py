import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def forget_gone(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A trigger of a draft that names a scenario which is gone heard nothing any more."""
    known = apps.get_model("scenarios", "Scenario").objects.values("pk")
    triggers = apps.get_model("scenarios", "MessageTrigger").objects.filter(of_scenario__isnull=False)
    triggers.exclude(of_scenario__in=known).delete()
    # The table is altered next: nothing may be left to check at the commit.
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def name_in_releases(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Releases name scenarios by their short names, like everything else."""
    slugs = dict(apps.get_model("scenarios", "Scenario").objects.values_list("pk", "slug"))
    releases = apps.get_model("scenarios", "Release").objects
    for release in releases.filter(snapshot__triggers__contains=[{"type": "MessageTrigger"}]):
        rows = []
        for row in release.snapshot["triggers"]:
            of = row.get("of_scenario")
            if row["type"] != "MessageTrigger" or of is None:
                rows.append(row)
            elif of in slugs:
                rows.append(row | {"of_scenario": slugs[of]})
        release.snapshot["triggers"] = rows
        release.save(update_fields=["snapshot"])


class Migration(migrations.Migration):
    dependencies = [("scenarios", "0330_cascade")]

    operations = [
        migrations.RunPython(forget_gone, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="messagetrigger",
            name="of_scenario",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="scenarios.scenario",
                verbose_name="of the scenario",
            ),
        ),
        migrations.RunPython(name_in_releases, migrations.RunPython.noop),
    ]
