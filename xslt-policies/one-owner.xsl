<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Beside this VM the host runs VMs of one owner alone, and none that somebody started behind
     Bulkhead's back. For a seal with the target vms:all, judged="yes". Edit the owner, and keep the
     quotes. What is stopped does not count. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:param name="owner" select="'uid:1000'"/>

  <xsl:template match="/projection">
    <xsl:variable name="all" select="measurement[@target = 'vms:all']/node[@type = 'vms']"/>
    <xsl:variable name="foreign" select="$all/node[@type = 'vms-foreign']"/>
    <xsl:variable name="others" select="$all/node[@type = 'vms-vm'][value[@name = 'state'] != 'stopped'][not(value[@name = 'owner'] = $owner)]"/>
    <xsl:choose>
      <xsl:when test="count($all) = 1 and not($foreign) and not($others)">
        <true/>
      </xsl:when>
      <xsl:otherwise>
        <false>
          <xsl:if test="not($all)">
            <reason path="vms:all">was not measured</reason>
          </xsl:if>
          <xsl:for-each select="$foreign | $others">
            <reason path="{value[@name = 'name']}">
              <xsl:choose>
                <xsl:when test="@type = 'vms-foreign'">runs here, started by others</xsl:when>
                <xsl:otherwise>runs here, and its owner is <xsl:value-of select="value[@name = 'owner']"/></xsl:otherwise>
              </xsl:choose>
            </reason>
          </xsl:for-each>
        </false>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>
