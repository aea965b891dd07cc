package org.apache.druid.msq.guice;

import com.google.inject.Binder;
import org.apache.druid.initialization.DruidModule;

/** The Overlord names this module of druid-multi-stage-query; where that is not served, an empty one lets it start. */
public final class MSQDurableStorageModule implements DruidModule
{
  @Override
  public void configure(Binder binder) {}
}
