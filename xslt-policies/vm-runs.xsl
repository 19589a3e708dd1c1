<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- A VM that this one depends on, such as the firewall of its network, runs on this host and
     belongs to whom I expect. For a deviceCheck, or a seal with the target vms:all, judged="yes".
     Edit the two values, and keep the quotes. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:param name="vm" select="'firewall01'"/>
  <xsl:param name="owner" select="'uid:1000'"/>

  <xsl:template match="/projection">
    <xsl:variable name="all" select="measurement[@target = 'vms:all']/node[@type = 'vms']"/>
    <xsl:variable name="found" select="$all/node[@type = 'vms-vm'][value[@name = 'name'] = $vm]"/>
    <xsl:choose>
      <xsl:when test="count($all) = 1 and count($found) = 1
                      and $found/value[@name = 'owner'] = $owner
                      and $found/value[@name = 'state'] = 'running'">
        <true/>
      </xsl:when>
      <xsl:otherwise>
        <false>
          <reason path="{$vm}">
            <xsl:choose>
              <xsl:when test="not($all)">vms:all was not measured</xsl:when>
              <xsl:when test="not($found)">is no VM of this host</xsl:when>
              <xsl:when test="not($found/value[@name = 'owner'] = $owner)">belongs to <xsl:value-of select="$found/value[@name = 'owner']"/></xsl:when>
              <xsl:otherwise>does not run: <xsl:value-of select="$found/value[@name = 'state']"/></xsl:otherwise>
            </xsl:choose>
          </reason>
        </false>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>
