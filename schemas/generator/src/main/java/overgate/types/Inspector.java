package overgate.types;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.deser.BeanDeserializerBase;
import com.fasterxml.jackson.databind.deser.BeanDeserializerBuilder;
import com.fasterxml.jackson.databind.deser.DefaultDeserializationContext;
import com.fasterxml.jackson.databind.deser.SettableBeanProperty;
import com.fasterxml.jackson.databind.deser.ValueInstantiator;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.BeanPropertyDefinition;
import com.fasterxml.jackson.databind.jsontype.TypeDeserializer;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Fills an inventory by looking at the readers that Jackson itself has resolved. Annotations are not read again: whatever
 * mix-ins, modules and registrations Druid has applied is already in what Jackson ended up with.
 */
public final class Inspector
{
  /** Jars that every Overlord has. What comes from another Druid jar belongs to the extension of that name. */
  private static final Set<String> CORE = Set.of(
      "druid-services", "druid-server", "druid-processing", "druid-indexing-service", "druid-sql", "druid-indexing-hadoop",
      "druid-aws-common", "druid-gcp-common", "druid-core"
  );
  private static final Pattern JAR = Pattern.compile("(druid-[a-z-]+|[a-z]+-metadata-storage)-\\d.*\\.jar");

  final Inventory inventory = new Inventory();
  final ObjectMapper mapper;
  private final DefaultDeserializationContext context;
  private final ArrayDeque<JavaType> waiting = new ArrayDeque<>();

  public Inspector(ObjectMapper mapper) throws Exception
  {
    this.mapper = mapper;
    this.context = ((DefaultDeserializationContext) mapper.getDeserializationContext())
        .createInstance(mapper.getDeserializationConfig(), mapper.createParser("{}"), mapper.getInjectableValues());
  }

  /** Inspects a type and all that can be reached from it. */
  Shape add(JavaType type) throws Exception
  {
    Shape shape = shape(type, null, null);
    while (!waiting.isEmpty()) {
      inspect(waiting.poll());
    }
    return shape;
  }

  private Shape shape(JavaType type, JsonDeserializer<?> reader, TypeDeserializer ids) throws Exception
  {
    if (reader == null && ids == null) {
      ids = context.getFactory().findTypeDeserializer(context.getConfig(), type);
    }
    if (ids != null && !type.isContainerType()) {
      return new Shape.InFamily(family(type, ids));
    }
    if (reader == null) {
      try {
        reader = context.findContextualValueDeserializer(type, null);
      }
      catch (Exception e) {
        return new Shape.Unreadable(firstLine(e));
      }
    }
    return readBy(type, reader);
  }

  private Shape readBy(JavaType type, JsonDeserializer<?> reader) throws Exception
  {
    if (reader instanceof BeanDeserializerBase) {
      return bean((BeanDeserializerBase) reader);
    }
    String kind = reader.getClass().getSimpleName();
    if (type.isMapLikeType() || kind.contains("MapDeserializer") || kind.contains("MultimapDeserializer")) {
      JavaType key = type.getKeyType();
      return new Shape.MapOf(key == null ? "java.lang.String" : key.toCanonical(), content(type, reader));
    }
    boolean text = type.getRawClass() == byte[].class || type.getRawClass() == char[].class || kind.startsWith("CommaList");
    if ((type.isCollectionLikeType() || type.isArrayType()) && !text) {
      return new Shape.ArrayOf(content(type, reader));
    }
    if (type.isReferenceType()) {
      return content(type, reader);
    }
    if (type.isJavaLangObject() || kind.startsWith("UntypedObject") || kind.equals("Vanilla") || kind.startsWith("JsonNode")) {
      return new Shape.Any();
    }
    return leaf(type);
  }

  private Shape content(JavaType container, JsonDeserializer<?> reader) throws Exception
  {
    if (container.getContentType() == null) {
      return new Shape.Any();
    }
    JsonDeserializer<?> items = (JsonDeserializer<?>) Private.get(
        reader, "_valueDeserializer", "_elementDeserializer", "valueDeserializer", "elementDeserializer");
    TypeDeserializer ids = (TypeDeserializer) Private.get(
        reader, "_valueTypeDeserializer", "_elementTypeDeserializer", "typeDeserializerForValue", "elementTypeDeserializer");
    return shape(container.getContentType(), items, ids);
  }

  private Shape bean(BeanDeserializerBase reader)
  {
    // The reader's own type can be narrower than the declared one.
    JavaType type = reader.getValueType();
    ValueInstantiator maker = reader.getValueInstantiator();
    boolean scalar = maker.canCreateFromString() || maker.canCreateFromInt() || maker.canCreateFromLong();
    boolean object = maker.canCreateFromObjectWith() || maker.canCreateUsingDefault() || maker.canCreateUsingDelegate();
    if (scalar && !object) {
      return leaf(type);
    }
    String key = key(type);
    if (!inventory.beans.containsKey(key)) {
      Inventory.Bean bean = new Inventory.Bean();
      bean.type = type;
      inventory.beans.put(key, bean);
      waiting.add(type);
    }
    return new Shape.OfClass(key);
  }

  private Shape leaf(JavaType type)
  {
    String key = type.toCanonical();
    inventory.leaves.computeIfAbsent(key, k -> {
      Inventory.Leaf leaf = new Inventory.Leaf();
      leaf.type = type;
      leaf.java = type.toCanonical();
      leaf.isEnum = type.isEnumType();
      if (leaf.isEnum) {
        leaf.words = new ArrayList<>();
        for (Object constant : type.getRawClass().getEnumConstants()) {
          leaf.words.add(printed((Enum<?>) constant));
        }
      }
      return leaf;
    });
    return new Shape.OfLeaf(key);
  }

  private String printed(Enum<?> constant)
  {
    try {
      return mapper.valueToTree(constant).asText();
    }
    catch (IllegalArgumentException e) {
      return constant.name();
    }
  }

  private String family(JavaType base, TypeDeserializer reader) throws Exception
  {
    String key = key(base);
    if (inventory.families.containsKey(key)) {
      return key;
    }
    Inventory.Family family = new Inventory.Family();
    family.type = base;
    family.java = base.toCanonical();
    family.property = reader.getPropertyName();
    inventory.families.put(key, family);
    // From 35 on some bases have a resolver of Druid's own around Jackson's: it refuses unknown ids although there is a default.
    Object resolver = reader.getTypeIdResolver();
    Object inner = Private.get(resolver, "delegate");
    if (!(Private.get(inner == null ? resolver : inner, "_idToType") instanceof Map<?, ?> table)) {
      throw new IllegalStateException("no table of type ids for " + base);
    }
    for (Map.Entry<?, ?> entry : table.entrySet()) {
      Shape member = member(base, ((JavaType) entry.getValue()).getRawClass());
      if (member instanceof Shape.OfClass c) {
        family.ids.put((String) entry.getKey(), c.key());
      } else {
        family.unreadable.put((String) entry.getKey(), String.valueOf(member));
      }
    }
    Class<?> fallback = reader.getDefaultImpl();
    if (fallback != null && fallback != Void.class) {
      Shape shape = member(base, fallback);
      if (shape instanceof Shape.OfClass c) {
        family.defaultBean = c.key();
        inventory.beans.get(c.key()).discriminator = family.property;
        ValueInstantiator maker = maker(inventory.beans.get(c.key()).type);
        if (maker.canCreateFromString() || maker.canCreateUsingDelegate()) {
          family.text = shape;
        }
      } else if (shape instanceof Shape.OfLeaf) {
        // An abstract base that only has a factory for texts: no default for objects.
        family.text = shape;
      }
    }
    return key;
  }

  private Shape member(JavaType base, Class<?> raw) throws Exception
  {
    try {
      JavaType type = raw == base.getRawClass() ? base : context.getConfig().getTypeFactory().constructSpecializedType(base, raw);
      return readBy(type, context.findContextualValueDeserializer(type, null));
    }
    catch (Exception e) {
      return new Shape.Unreadable(firstLine(e));
    }
  }

  private ValueInstantiator maker(JavaType type) throws Exception
  {
    return ((BeanDeserializerBase) context.findContextualValueDeserializer(type, null)).getValueInstantiator();
  }

  private void inspect(JavaType type) throws Exception
  {
    Inventory.Bean bean = inventory.beans.get(key(type));
    BeanDeserializerBase reader = (BeanDeserializerBase) context.findContextualValueDeserializer(type, null);
    bean.java = type.getRawClass().getName();
    bean.extension = extensionOf(type.getRawClass());
    bean.deprecated = type.getRawClass().isAnnotationPresent(Deprecated.class);
    TypeDeserializer ids = context.getFactory().findTypeDeserializer(context.getConfig(), type);
    if (ids != null) {
      bean.discriminator = ids.getPropertyName();
    }
    refuseWhatIsNotHandled(type, reader);
    bean.open = Private.get(reader, "_anySetter") != null || Boolean.TRUE.equals(Private.get(reader, "_ignoreAllUnknown"));
    if (Private.get(reader, "_ignorableProps") instanceof Collection<?> names) {
      names.stream().map(String::valueOf).filter(name -> !name.isEmpty()).forEach(bean.ignored::add);
    }
    ValueInstantiator maker = reader.getValueInstantiator();
    bean.text = maker.canCreateFromString();
    bean.integer = maker.canCreateFromInt() || maker.canCreateFromLong();
    JavaType delegate = maker.canCreateUsingDelegate() ? maker.getDelegateType(context.getConfig())
                        : maker.canCreateUsingArrayDelegate() ? maker.getArrayDelegateType(context.getConfig()) : null;
    if (delegate != null) {
      bean.delegate = shape(delegate, null, null);
    }
    Set<String> deprecated = deprecatedProperties(type);
    for (SettableBeanProperty p : properties(reader)) {
      boolean injectedOnly = p.getInjectableValueId() != null && (p.getMember() == null || p.getMember().getAnnotation(JsonProperty.class) == null);
      if (p.getName().isEmpty() || injectedOnly) {
        continue;
      }
      Inventory.Property property = new Inventory.Property();
      property.shape = shape(p.getType(), p.getValueDeserializer(), p.getValueTypeDeserializer());
      property.nullable = markedNullable(p.getMember());
      property.annotatedRequired = p.isRequired();
      property.deprecated = deprecated.contains(p.getName());
      bean.properties.put(p.getName(), property);
    }
    bean.echo.addAll(printedNames(type));
    bean.echo.removeAll(bean.properties.keySet());
    if (bean.discriminator != null) {
      bean.echo.remove(bean.discriminator);
    }
  }

  /** Arguments of the creator first, then setters and fields. */
  private static Collection<SettableBeanProperty> properties(BeanDeserializerBase reader) throws Exception
  {
    Map<String, SettableBeanProperty> all = new LinkedHashMap<>();
    Object creator = Private.get(reader, "_propertyBasedCreator");
    if (creator != null) {
      for (Object p : (Collection<?>) creator.getClass().getMethod("properties").invoke(creator)) {
        all.put(((SettableBeanProperty) p).getName(), (SettableBeanProperty) p);
      }
    }
    for (Iterator<SettableBeanProperty> i = reader.properties(); i.hasNext(); ) {
      SettableBeanProperty p = i.next();
      all.putIfAbsent(p.getName(), p);
    }
    return all.values();
  }

  /** Druid uses none of these. Should a version begin to, the table must learn about it first. */
  private void refuseWhatIsNotHandled(JavaType type, BeanDeserializerBase reader) throws Exception
  {
    for (String field : List.of("_unwrappedPropertyHandler", "_externalTypeIdHandler", "_objectIdReader")) {
      if (Private.get(reader, field) != null) {
        throw new IllegalStateException(type + " uses Jackson's " + field + ", which types.json cannot express");
      }
    }
    for (SettableBeanProperty p : properties(reader)) {
      if (!p.findAliases(context.getConfig()).isEmpty()) {
        throw new IllegalStateException(type + " has an alias for " + p.getName() + ", which types.json cannot express");
      }
    }
  }

  private Set<String> deprecatedProperties(JavaType type)
  {
    Set<String> names = new TreeSet<>();
    BeanDescription description = mapper.getDeserializationConfig().introspect(type);
    for (BeanPropertyDefinition p : description.findProperties()) {
      for (AnnotatedMember m : new AnnotatedMember[]{p.getConstructorParameter(), p.getGetter(), p.getField(), p.getSetter()}) {
        if (m != null && m.getAnnotation(Deprecated.class) != null) {
          names.add(p.getName());
        }
      }
    }
    return names;
  }

  private static boolean markedNullable(AnnotatedMember member)
  {
    if (member == null) {
      return false;
    }
    for (var annotation : member.getAllAnnotations().annotations()) {
      if (annotation.annotationType().getSimpleName().equals("Nullable")) {
        return true;
      }
    }
    return false;
  }

  /** Names that Druid prints for an object of this type. */
  public Set<String> printedNames(Class<?> type)
  {
    return printedNames(mapper.constructType(type));
  }

  private Set<String> printedNames(JavaType type)
  {
    Set<String> names = new TreeSet<>();
    try {
      mapper.getSerializerProviderInstance().findValueSerializer(type).properties().forEachRemaining(p -> names.add(p.getName()));
    }
    catch (Exception e) {
      System.err.println("cannot tell what is printed of " + type + ": " + firstLine(e));
    }
    return names;
  }

  /** Lifts the mark of the names that a class ignores, and says which they were. */
  public static Collection<String> takeIgnored(BeanDeserializerBuilder builder)
  {
    if (!(Private.get(builder, "_ignorableProps") instanceof Collection<?> marked)) {
      return List.of();
    }
    List<String> names = marked.stream().map(String::valueOf).filter(name -> !name.isEmpty()).toList();
    marked.removeIf(name -> names.contains(String.valueOf(name)));
    return names;
  }

  /** The artifact of the extension that a class belongs to; null for what every Overlord has. */
  static String extensionOf(Class<?> c)
  {
    Matcher jar = JAR.matcher(Overlord.jarOf(c));
    return jar.matches() && !CORE.contains(jar.group(1)) ? jar.group(1) : null;
  }

  static String key(JavaType type)
  {
    // Type parameters that are only Object say nothing, and recursive ones never end.
    String text = type.toCanonical();
    return type.containedTypeCount() == 0 || text.contains("<java.lang.Object") || text.length() > 240 ? type.getRawClass().getName() : text;
  }

  static String firstLine(Throwable e)
  {
    return String.valueOf(e.getMessage()).split("\n", 2)[0];
  }
}
