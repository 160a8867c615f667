"""The settings of a project with tasks of lapinq alone, for a Django without `django.tasks`."""

from shop.settings import DATABASES as DATABASES
from shop.settings import SECRET_KEY as SECRET_KEY
from shop.settings import USE_TZ as USE_TZ

INSTALLED_APPS = ["lapinq.contrib.django"]
