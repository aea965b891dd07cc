package overgate.types;

import java.lang.reflect.Field;

/** What Jackson knows and does not tell: private fields of its deserializers, by name. */
final class Private
{
  private Private() {}

  /** The value of the first of these fields that the object has and that is not null; null when there is none. */
  static Object get(Object object, String... names)
  {
    for (String name : names) {
      Field field = find(object.getClass(), name);
      try {
        Object value = field == null ? null : field.get(object);
        if (value != null) {
          return value;
        }
      }
      catch (IllegalAccessException e) {
        throw new IllegalStateException(e);
      }
    }
    return null;
  }

  static Field find(Class<?> type, String name)
  {
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      for (Field field : c.getDeclaredFields()) {
        if (field.getName().equals(name)) {
          field.setAccessible(true);
          return field;
        }
      }
    }
    return null;
  }
}
