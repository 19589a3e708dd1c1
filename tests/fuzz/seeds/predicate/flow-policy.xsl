<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- OpenTC D05.4, figure 3.14: the customer network may be connected directly only to the DMZ and
     to the management network of the outsourcing provider. Judges the zones of figure 3.13, which
     stand in a projection as nodes of type "zone" with nodes of type "permit" in them.

     A connection is direct in whichever direction it is permitted, so both are looked at. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:variable name="customer" select="'customer-net'"/>
  <xsl:variable name="dmz" select="'dmz'"/>
  <xsl:variable name="management" select="'mgmt-net'"/>

  <xsl:template match="/">
    <xsl:variable name="zones" select="/flow-policy/zone
                  | /projection/measurement[@plugin = 'network']//node[@type = 'zone']"/>
    <xsl:variable name="own" select="$zones[@id = $customer]"/>
    <xsl:variable name="out" select="$own/permit/@id | $own/node[@type = 'permit']/@id"/>
    <xsl:variable name="in" select="$zones[permit/@id = $customer
                  or node[@type = 'permit']/@id = $customer]/@id"/>
    <xsl:variable name="wrong" select="($out | $in)[. != $customer and . != $dmz
                  and . != $management]"/>
    <xsl:choose>
      <xsl:when test="count($own) = 1 and not($wrong)">
        <true/>
      </xsl:when>
      <xsl:otherwise>
        <false>
          <xsl:if test="count($own) != 1">
            <reason path="{$customer}">is not there, or not once</reason>
          </xsl:if>
          <xsl:for-each select="$wrong">
            <reason path="{$customer}">is connected directly to <xsl:value-of select="."/></reason>
          </xsl:for-each>
        </false>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>
